/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a snapshot by the plan of where things lay last time. In the steady state
 * the plan is right and one system call reads all.
 */
#include "current.h"
#include "snapshot.h"
#include "proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
                if (!entry || !proof_wanted(t, entry))
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

int snapshot_reserve(struct pystack *py, size_t iov_n, size_t bytes)
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
        if (t->on_cpu && addr == t->on_cpu) {
                t->on_cpu = 0;
        } else if (t->cframe && addr == t->cframe) {
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
               word_at(tstate, layout->tstate.thread_id) == t->pthread &&
               (t->unentered || current_is_entered(layout, tstate));
}

/* Spans can leave the plan this often before a snapshot is given up. */
#define SHORT_READS_MAX 64

/* Reads the planned spans and tells the parts of the snapshot apart. The bytes read, or negative errno. */
static ssize_t read_plan(struct pystack *py, const struct pystack_hold *hold, size_t n)
{
        if (hold)
                hold->begin();
        return py->reader.read(py->reader.ctx, py->buf, py->iov, n);
}

/* Whether the thread stood still while the one reading was made, behind which @on_cpu lies. */
static bool was_held(const struct pystack_hold *hold, const uint8_t *on_cpu)
{
        return half_at(on_cpu, 0) == (uint32_t)hold->cpu && hold->unbroken(hold->cpu);
}

/* Appends what shows that the first reading is whole: all again, or the CPU of a thread that is held, or both. */
static size_t plan_check(const struct pystack_thread *t, const struct snapshot *s, size_t n, size_t reading)
{
        struct iovec *iov = t->py->iov;

        if (s->twice) {
                memcpy(iov + n, iov, reading * sizeof *iov);
                n += reading;
        }
        if (s->held)
                iov[n++] = remote_span(t->on_cpu, 4);
        return n;
}

static void tell_parts(const struct pystack *py, size_t proofs_size, struct snapshot *s)
{
        const struct layout *layout = &py->layout;

        s->first = py->buf;
        s->proofs = py->buf + s->size;
        s->second = s->twice ? s->proofs + proofs_size : s->first;
        s->generation = layout->interp.code_generation != LAYOUT_NONE ? word_at(s->proofs, 0) : 0;
        s->tlbc_generation = layout->interp.tlbc_generation != LAYOUT_NONE ? half_at(s->proofs, 8) : 0;
}

/*
 * A thread that is held is read twice all the same at first, and then from time to
 * time: an embedder can let a thread run with the state of another one.
 */
#define AUDITS_AT_FIRST 16
#define AUDIT_EVERY 16

static bool is_audit(struct pystack_thread *t)
{
        unsigned n = t->held++;

        return n < AUDITS_AT_FIRST || n % AUDIT_EVERY == 0;
}

int snapshot_take(struct pystack_thread *t, const struct pystack_hold *hold, struct snapshot *ret)
{
        struct pystack *py = t->py;

        for (unsigned i = 0; i < SHORT_READS_MAX; i++) {
                struct snapshot s = { .held = hold && t->on_cpu };
                size_t proofs_size;
                size_t iov_max = 2 * (3 + (size_t)t->n_spans) + 2 + (size_t)t->n_codes * CODE_PROOFS_MAX;
                int e = snapshot_reserve(py, iov_max, 0);
                if (e != 0)
                        return e;
                py->snapshots++;
                size_t reading = plan_reading(t, py->iov, &s);
                size_t n = reading + plan_proofs(t, py->iov + reading, &proofs_size);
                s.twice = !s.held || is_audit(t);
                n = plan_check(t, &s, n, reading);
                size_t want = s.size + proofs_size + (s.twice ? s.size : 0) + (s.held ? 4 : 0);
                if ((e = snapshot_reserve(py, 0, want)) != 0)
                        return e;
                ssize_t got = read_plan(py, s.held ? hold : NULL, n);
                if (got < 0 && got != -EFAULT)
                        return remote_error(got);
                if ((size_t)got == want && s.held && !was_held(hold, py->buf + want - 4)) {
                        hold = NULL;
                } else if ((size_t)got == want) {
                        tell_parts(py, proofs_size, &s);
                        *ret = s;
                        return same_thread(t, s.second) ? 0 : PYSTACK_E_GONE;
                } else if ((e = drop_unreadable(t, py->iov, n, got < 0 ? 0 : (size_t)got)) != 0) {
                        return e;
                }
        }
        return PYSTACK_E_TORN;
}

/* ---- looking into it ----------------------------------------------------------- */

bool snapshot_look(struct pystack_thread *t, struct snapshot *s, uint64_t addr, size_t len)
{
        size_t at = s->spans_at;

        if (snapshot_inside(t->chunk, t->chunk_len, addr, len)) {
                s->window = (struct snapshot_window){ .addr = t->chunk, .len = t->chunk_len, .at = s->chunk_at };
                return true;
        }
        for (uint32_t i = 0; i < t->n_spans; i++) {
                struct span *span = &t->spans[i];
                if (snapshot_inside(span->addr, span->len, addr, len)) {
                        span->unused = 0;
                        s->window = (struct snapshot_window){ .addr = span->addr, .len = span->len, .at = at };
                        return true;
                }
                at += span->len;
        }
        return false;
}
