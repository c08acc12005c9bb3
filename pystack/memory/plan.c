/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a thread's next snapshot: where its stack lay last time. If a frame lies elsewhere, the plan is
 * extended and another snapshot is taken.
 *
 * From 3.11 on frames lie in the chunks of the data stack, except those of generators (in the heap) and shims (on the
 * C stack). Up to 3.10 each frame is an object in the heap. Heap and C stack are read by pages: the heap has frames
 * in a few size classes, and those of one class lie together.
 */
#include "plan.h"

#include "pystack/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The newest chunk is read from its end. This many bytes hold over 2000 frames. */
#define CHUNK_READ_MAX (256u << 10)

/* Bytes read beyond the top that was found, since the next stack may be a little deeper. */
#define CHUNK_SLACK 768

/* An older chunk is read whole if it has at most this many bytes. It has 16 KiB unless a huge frame made it larger. */
#define SPAN_MAX (64u << 10)

/* 2048 frames of 3.10, of some 500 bytes each, fill 250 pages. */
#define SPANS_MAX 320

/* Older chunks that are looked at. 2048 frames of 100 bytes fill 13. */
#define CHUNKS_MAX 64

/* A span that held no frame for this many samples leaves the plan. */
#define SPAN_UNUSED_MAX 32

/* _PyStackChunk: previous, size, top, data (pycore_frame.h; same in 3.11 to 3.15). */
enum { CHUNK_PREVIOUS = 0, CHUNK_SIZE = 8, CHUNK_HEADER = 24 };

/* ---- the thread state ---------------------------------------------------------------- */

static bool update_cframe(struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->runtime.layout;

        if (layout->tstate.cframe == LAYOUT_NONE)
                return false;
        uint64_t cframe = word_at(tstate, layout->tstate.cframe);
        if (cframe == t->cframe)
                return false;
        t->cframe = cframe;
        return true;
}

/* Chunks are page-aligned mappings of their own (_PyObject_VirtualAlloc). */
static bool update_chunk(struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->runtime.layout;

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
        uint64_t page_end = remote_page(top + REMOTE_PAGE);
        uint64_t to = top + CHUNK_SLACK < page_end ? top + CHUNK_SLACK : page_end;
        t->chunk = from;
        t->chunk_len = (uint32_t)((to < top ? top : to) - from);
        return true;
}

bool plan_update(struct pystack_thread *t, const struct snapshot *s)
{
        bool cframe = update_cframe(t, s->first);
        bool chunk = update_chunk(t, s->first);

        return cframe || chunk;
}

/* ---- extending --------------------------------------------------------------- */

static bool is_covered(const struct pystack_thread *t, uint64_t addr, size_t len)
{
        if (snapshot_inside(t->chunk, t->chunk_len, addr, len))
                return true;
        for (uint32_t i = 0; i < t->n_spans; i++)
                if (snapshot_inside(t->spans[i].addr, t->spans[i].len, addr, len))
                        return true;
        return false;
}

static int add_span(struct pystack_thread *t, uint64_t addr, uint32_t len)
{
        if (t->n_spans == SPANS_MAX)
                return REFUSE(&t->py->memory, -ENOSPC, .field = "frames outside of the data stack", .address = addr,
                              .expected = "spans of at most", .wanted = SPANS_MAX, .found = SPANS_MAX + 1);
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

/* The header of a chunk. Most stacks have one chunk, and its header is in the snapshot. */
static bool read_chunk_header(struct pystack_thread *t, struct snapshot *s, uint64_t chunk, uint8_t *ret)
{
        const uint8_t *first, *second;

        if (!snapshot_at(t, s, chunk, CHUNK_HEADER, &first, &second))
                return remote_read(&t->py->memory, chunk, ret, CHUNK_HEADER) == 0;
        memcpy(ret, first, CHUNK_HEADER);
        return true;
}

/* The older chunk that holds @addr, if one does. */
static bool get_older_chunk(struct pystack_thread *t, struct snapshot *s, uint64_t addr, size_t len, uint64_t *ret,
                            uint32_t *ret_len)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint8_t header[CHUNK_HEADER];

        if (layout->tstate.chunk == LAYOUT_NONE)
                return false;
        uint64_t chunk = word_at(s->first, layout->tstate.chunk);
        for (unsigned i = 0; chunk && i < CHUNKS_MAX; i++) {
                if (!read_chunk_header(t, s, chunk, header))
                        return false;
                uint64_t size = word_at(header, CHUNK_SIZE);
                if (snapshot_inside(chunk, size, addr, len)) {
                        *ret = size > SPAN_MAX ? remote_page(addr) : chunk;
                        *ret_len = size > SPAN_MAX ? REMOTE_PAGE : (uint32_t)size;
                        return snapshot_inside(*ret, *ret_len, addr, len);
                }
                chunk = word_at(header, CHUNK_PREVIOUS);
        }
        return false;
}

/*
 * The span to read for a frame at @addr: its chunk or its page. Reading a page costs hardly more than reading a
 * frame.
 */
static void choose_span(struct pystack_thread *t, struct snapshot *s, uint64_t addr, uint32_t len, uint64_t *ret,
                        uint32_t *ret_len)
{
        uint64_t page = remote_page(addr);
        bool in_page = snapshot_inside(page, REMOTE_PAGE, addr, len);

        if (get_older_chunk(t, s, addr, len, ret, ret_len))
                return;
        *ret = in_page ? page : addr;
        *ret_len = in_page ? REMOTE_PAGE : len;
}

/* What cannot be read any more was not where a thread that runs had it a moment ago. */
static int refuse_unread(const struct pystack_thread *t, int e, const char *field, uint64_t addr)
{
        trace_unread(&t->py->memory, e, field, addr);
        return e == PYSTACK_E_CORRUPT ? PYSTACK_E_TORN : e;
}

int plan_extend(struct pystack_thread *t, struct snapshot *s, uint64_t addr)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint8_t frame[LAYOUT_MAX_FRAME];

        for (unsigned i = 0; addr && i < PYSTACK_MAX_FRAMES; i++) {
                uint64_t start;
                uint32_t len;
                int e = remote_read(&t->py->memory, addr, frame, layout->frame.size);
                if (e != 0)
                        return refuse_unread(t, e, "frame", addr);
                if (!is_covered(t, addr, layout->frame.size)) {
                        choose_span(t, s, addr, layout->frame.size, &start, &len);
                        if ((e = add_span(t, start, len)) != 0)
                                return e;
                }
                addr = word_at(frame, layout->frame.previous);
                if (layout->tstate.chunk != LAYOUT_NONE && is_covered(t, addr, layout->frame.size))
                        break; /* the rest is in chunks, which the next snapshot holds */
        }
        return 0;
}

int plan_add(struct pystack_thread *t, struct snapshot *s, uint64_t addr, uint32_t len)
{
        uint8_t bytes[LAYOUT_MAX_FRAME];
        uint64_t start;
        uint32_t size;
        int e = remote_read(&t->py->memory, addr, bytes, len);

        if (e != 0)
                return refuse_unread(t, e, "cframe", addr);
        choose_span(t, s, addr, len, &start, &size);
        return add_span(t, start, size);
}

void plan_prune(struct pystack_thread *t, const struct snapshot *s)
{
        const struct layout *layout = &t->py->runtime.layout;
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
