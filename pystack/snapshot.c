/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a snapshot by a plan of where things lay last time. In the steady state
 * the plan is right and one system call reads all; a frame that it does not
 * cover is learned and the snapshot taken again.
 *
 * Where frames are: from 3.11 on in the data stack's chunks, except generators'
 * (in the heap) and shims (on the C stack); up to 3.10 each in the heap, which
 * is read by pages, since frames come from a few size classes and lie together.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The newest chunk is read from its end: this much holds over 2000 frames. */
#define CHUNK_READ_MAX (256u << 10)

/* Read beyond the top that was found, since the next stack may be a little deeper. */
#define CHUNK_SLACK 768

/* An older chunk or a page is read whole up to this. A chunk is 16 KiB unless a huge frame made it larger. */
#define SPAN_MAX (64u << 10)

/* 2048 frames of 3.10, of some 500 bytes each, fill 250 pages. */
#define SPANS_MAX 320

/* Older chunks of a stack: 2048 frames of 100 bytes fill 13; more are not looked at. */
#define CHUNKS_MAX 64

#define HEAP_PAGE 4096u

/* A span that held no frame for so many samples leaves the plan. */
#define SPAN_UNUSED_MAX 32

/* _PyStackChunk: previous, size, top, data (pycore_frame.h; same in 3.11 to 3.15). */
enum { CHUNK_PREVIOUS = 0, CHUNK_SIZE = 8, CHUNK_HEADER = 24 };

static uint32_t cframe_size(const struct layout *layout)
{
        return layout->tstate.cframe == LAYOUT_NONE ? 0 : layout->tstate.cframe_frame + 8;
}

/* ---- taking ------------------------------------------------------------------ */

/* Appends one reading's spans. */
static size_t plan_reading(const struct pystack_thread *t, struct iovec *iov, struct snapshot *ret)
{
        const struct layout *layout = &t->py->layout;
        size_t n = 0, size = layout->tstate.size;

        iov[n++] = remote_span(t->tstate, layout->tstate.size);
        ret->cframe_at = (uint32_t)size;
        if (t->cframe) {
                iov[n++] = remote_span(t->cframe, cframe_size(layout));
                size += cframe_size(layout);
        }
        ret->chunk_at = (uint32_t)size;
        if (t->chunk_len) {
                iov[n++] = remote_span(t->chunk, t->chunk_len);
                size += t->chunk_len;
        }
        ret->spans_at = (uint32_t)size;
        for (uint32_t i = 0; i < t->n_spans; i++) {
                iov[n++] = remote_span(t->spans[i].addr, t->spans[i].len);
                size += t->spans[i].len;
        }
        ret->size = size;
        return n;
}

/* Whether @entry's proofs are to be read: not if no code object has been freed since the last time. */
static bool wants_proof(const struct pystack_thread *t, const struct code_entry *entry)
{
        return entry->interp != t->interp || entry->generation != t->generation || t->generation == 0 ||
               t->generation_changes > 0;
}

static size_t plan_proofs(const struct pystack_thread *t, struct iovec *iov, size_t *size)
{
        const struct layout *layout = &t->py->layout;
        size_t n = 0;

        *size = 0;
        if (layout->interp.code_generation != LAYOUT_NONE) {
                iov[n++] = remote_span(t->interp + layout->interp.code_generation, 8);
                *size += 8;
        }
        if (layout->interp.tlbc_generation != LAYOUT_NONE) {
                iov[n++] = remote_span(t->interp + layout->interp.tlbc_generation, 4);
                *size += 4;
        }
        for (uint32_t i = 0; i < t->n_codes; i++) {
                struct code_entry *entry = code_cache_find(&t->py->codes, t->codes[i]);
                if (!entry || !wants_proof(t, entry))
                        continue;
                entry->planned = t->py->snapshots;
                entry->proof_at = (uint32_t)*size;
                for (uint32_t j = 0; j < entry->n_proofs; j++) {
                        iov[n++] = remote_span(entry->proofs[j].addr, entry->proofs[j].len);
                        *size += entry->proofs[j].len;
                }
        }
        return n;
}

static int reserve(struct pystack *py, size_t iov_n, size_t bytes)
{
        if (py->iov_size < iov_n) {
                struct iovec *iov = realloc(py->iov, 2 * iov_n * sizeof *iov);
                if (!iov)
                        return -ENOMEM;
                py->iov = iov;
                py->iov_size = 2 * iov_n;
        }
        if (py->buf_size < bytes) {
                free(py->buf);
                py->buf_size = 0;
                py->buf = malloc(2 * bytes);
                if (!py->buf)
                        return -ENOMEM;
                py->buf_size = 2 * bytes;
        }
        return 0;
}

/* Removes from the plan the span that ended a short read. */
static int drop_unreadable(struct pystack_thread *t, const struct iovec *iov, size_t n, size_t got)
{
        size_t i = 0;

        while (i < n && got >= iov[i].iov_len)
                got -= iov[i++].iov_len;
        uint64_t addr = i < n ? (uint64_t)(uintptr_t)iov[i].iov_base : 0;
        if (addr == t->tstate)
                return PYSTACK_E_GONE;
        if (t->cframe && addr == t->cframe) {
                t->cframe = 0;
        } else if (t->chunk_len && addr == t->chunk) {
                t->chunk_len = 0;
        } else {
                uint32_t kept = 0;
                for (uint32_t j = 0; j < t->n_spans; j++)
                        if (t->spans[j].addr != addr)
                                t->spans[kept++] = t->spans[j];
                if (kept == t->n_spans)
                        t->n_codes = 0; /* a proof: its code object has been freed */
                t->n_spans = kept;
        }
        return 0;
}

static bool same_thread(const struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->layout;

        return word_at(tstate, layout->tstate.interp) == t->interp &&
               word_at(tstate, layout->tstate.thread_id) == t->pthread;
}

/* Spans can leave the plan this often before a snapshot is given up. */
#define SHORT_READS_MAX 64

int snapshot_take(struct pystack_thread *t, struct snapshot *ret)
{
        struct pystack *py = t->py;

        for (unsigned i = 0; i < SHORT_READS_MAX; i++) {
                struct snapshot s = { 0 };
                size_t proofs_size;
                size_t iov_max = 2 * (3 + (size_t)t->n_spans) + 2 + (size_t)t->n_codes * CODE_PROOFS_MAX;
                int e = reserve(py, iov_max, 0);
                if (e != 0)
                        return e;
                py->snapshots++;
                size_t reading = plan_reading(t, py->iov, &s);
                size_t n = reading + plan_proofs(t, py->iov + reading, &proofs_size);
                memcpy(py->iov + n, py->iov, reading * sizeof *py->iov);
                n += reading;
                size_t want = 2 * s.size + proofs_size;
                if ((e = reserve(py, 0, want)) != 0)
                        return e;
                ssize_t got = py->reader.read(py->reader.ctx, py->buf, py->iov, n);
                if (got < 0 && got != -EFAULT)
                        return remote_error(got);
                if ((size_t)got == want) {
                        s.first = py->buf;
                        s.proofs = py->buf + s.size;
                        s.second = s.proofs + proofs_size;
                        s.generation = py->layout.interp.code_generation != LAYOUT_NONE ? word_at(s.proofs, 0) : 0;
                        s.tlbc_generation = py->layout.interp.tlbc_generation != LAYOUT_NONE ? half_at(s.proofs, 8) : 0;
                        *ret = s;
                        return same_thread(t, s.second) ? 0 : PYSTACK_E_GONE;
                }
                if ((e = drop_unreadable(t, py->iov, n, got < 0 ? 0 : (size_t)got)) != 0)
                        return e;
        }
        return PYSTACK_E_TORN;
}

/* ---- the plan ---------------------------------------------------------------- */

static bool replan_cframe(struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->layout;

        if (layout->tstate.cframe == LAYOUT_NONE)
                return false;
        uint64_t cframe = word_at(tstate, layout->tstate.cframe);
        if (cframe == t->cframe)
                return false;
        t->cframe = cframe;
        return true;
}

/* Chunks are page-aligned mappings of their own (_PyObject_VirtualAlloc). */
static bool replan_chunk(struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->layout;

        if (layout->tstate.chunk == LAYOUT_NONE)
                return false;
        uint64_t chunk = word_at(tstate, layout->tstate.chunk);
        uint64_t top = word_at(tstate, layout->tstate.chunk_top);
        if (!chunk || top <= chunk || top - chunk > ((uint64_t)1 << 32)) {
                t->chunk_len = 0;
                return false;
        }
        uint64_t from = top - chunk > CHUNK_READ_MAX ? top - CHUNK_READ_MAX : chunk;
        if (t->chunk_len && t->chunk <= from && t->chunk >= chunk && top <= t->chunk + t->chunk_len)
                return false;
        /* The page that holds the top is mapped whole, so the slack up to its end is. */
        uint64_t page_end = (top + HEAP_PAGE) & ~(uint64_t)(HEAP_PAGE - 1);
        uint64_t to = top + CHUNK_SLACK < page_end ? top + CHUNK_SLACK : page_end;
        t->chunk = from;
        t->chunk_len = (uint32_t)((to < top ? top : to) - from);
        return true;
}

bool snapshot_replan(struct pystack_thread *t, const struct snapshot *s)
{
        bool cframe = replan_cframe(t, s->first);
        bool chunk = replan_chunk(t, s->first);

        return cframe || chunk;
}

static bool inside(uint64_t start, uint64_t size, uint64_t addr, size_t len)
{
        return addr >= start && len <= size && addr - start <= size - len;
}

bool snapshot_at(struct pystack_thread *t, const struct snapshot *s, uint64_t addr, size_t len,
                 const uint8_t **ret_first, const uint8_t **ret_second)
{
        size_t at = s->chunk_at + (addr - t->chunk);

        if (!inside(t->chunk, t->chunk_len, addr, len)) {
                size_t offset = s->spans_at;
                uint32_t i = 0;
                while (i < t->n_spans && !inside(t->spans[i].addr, t->spans[i].len, addr, len))
                        offset += t->spans[i++].len;
                if (i == t->n_spans)
                        return false;
                t->spans[i].unused = 0;
                at = offset + (addr - t->spans[i].addr);
        }
        *ret_first = s->first + at;
        *ret_second = s->second + at;
        return true;
}

/* ---- learning ---------------------------------------------------------------- */

static bool covered(const struct pystack_thread *t, uint64_t addr, size_t len)
{
        if (inside(t->chunk, t->chunk_len, addr, len))
                return true;
        for (uint32_t i = 0; i < t->n_spans; i++)
                if (inside(t->spans[i].addr, t->spans[i].len, addr, len))
                        return true;
        return false;
}

static int add_span(struct pystack_thread *t, uint64_t addr, uint32_t len)
{
        if (t->n_spans == SPANS_MAX)
                return -ENOSPC;
        if (t->n_spans == t->cap_spans) {
                uint32_t cap = t->cap_spans ? 2 * t->cap_spans : 4;
                struct span *spans = realloc(t->spans, cap * sizeof *spans);
                if (!spans)
                        return -ENOMEM;
                t->spans = spans;
                t->cap_spans = cap;
        }
        t->spans[t->n_spans++] = (struct span){ .addr = addr, .len = len };
        return 0;
}

/* The older chunk that holds @addr, if one does. */
static bool find_chunk(const struct pystack_thread *t, uint64_t addr, size_t len, uint64_t *ret, uint32_t *ret_len)
{
        const struct layout *layout = &t->py->layout;
        uint64_t chunk;
        uint8_t header[CHUNK_HEADER];

        if (layout->tstate.chunk == LAYOUT_NONE ||
            remote_read_word(&t->py->reader, t->tstate + layout->tstate.chunk, &chunk) != 0)
                return false;
        for (unsigned i = 0; chunk && i < CHUNKS_MAX; i++) {
                if (remote_read(&t->py->reader, chunk, header, sizeof header) != 0)
                        return false;
                uint64_t size = word_at(header, CHUNK_SIZE);
                if (inside(chunk, size, addr, len)) {
                        *ret = size > SPAN_MAX ? addr & ~(uint64_t)(HEAP_PAGE - 1) : chunk;
                        *ret_len = size > SPAN_MAX ? HEAP_PAGE : (uint32_t)size;
                        return inside(*ret, *ret_len, addr, len);
                }
                chunk = word_at(header, CHUNK_PREVIOUS);
        }
        return false;
}

/* The span worth reading for a frame at @addr. */
static void choose_span(const struct pystack_thread *t, uint64_t addr, uint64_t *ret, uint32_t *ret_len)
{
        uint32_t len = t->py->layout.frame.size;
        uint64_t page = addr & ~(uint64_t)(HEAP_PAGE - 1);
        bool in_page = inside(page, HEAP_PAGE, addr, len);

        *ret = addr;
        *ret_len = len;
        if (t->py->layout.tstate.chunk == LAYOUT_NONE && in_page) {
                *ret = page;
                *ret_len = HEAP_PAGE;
        } else {
                find_chunk(t, addr, len, ret, ret_len);
        }
}

int snapshot_learn(struct pystack_thread *t, uint64_t addr)
{
        const struct layout *layout = &t->py->layout;
        uint8_t frame[LAYOUT_MAX_FRAME];

        for (unsigned i = 0; addr && i < PYSTACK_MAX_FRAMES; i++) {
                uint64_t start;
                uint32_t len;
                int e = remote_read(&t->py->reader, addr, frame, layout->frame.size);
                if (e != 0)
                        return e == PYSTACK_E_CORRUPT ? PYSTACK_E_TORN : e;
                if (!covered(t, addr, layout->frame.size)) {
                        choose_span(t, addr, &start, &len);
                        if ((e = add_span(t, start, len)) != 0)
                                return e;
                }
                addr = word_at(frame, layout->frame.previous);
                if (layout->tstate.chunk != LAYOUT_NONE && covered(t, addr, layout->frame.size))
                        break; /* the rest is in chunks, which the next snapshot holds */
        }
        return 0;
}

void snapshot_forget(struct pystack_thread *t, const struct snapshot *s)
{
        const struct layout *layout = &t->py->layout;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < t->n_spans; i++)
                if (t->spans[i].unused++ < SPAN_UNUSED_MAX)
                        t->spans[kept++] = t->spans[i];
        t->n_spans = kept;
        if (t->chunk_len > CHUNK_SLACK) {
                uint64_t need = word_at(s->first, layout->tstate.chunk_top) + CHUNK_SLACK - t->chunk;
                if (need < t->chunk_len)
                        t->chunk_len -= (uint32_t)(t->chunk_len - need) / 16;
        }
}
