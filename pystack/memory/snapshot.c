/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a snapshot by the thread's plan. Most of the time the plan is right, and one system call reads all. */
#include "snapshot.h"
#include "pystack/native/reading.h"
#include "pystack/threads/active_state.h"
#include "pystack/trace.h"
#include "pystack/validate/frees.h"
#include "pystack/validate/garbage.h"
#include "pystack/validate/proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- taking ------------------------------------------------------------------ */

static void plan_window(struct pystack *py, struct remote_batch *batch, uint64_t addr, size_t len, int32_t span)
{
        size_t at = remote_add(batch, addr, len);

        py->scratch.windows[py->scratch.n_windows++] = (struct snapshot_window){
                .addr = addr, .len = len, .at = at, .span = span
        };
}

/*
 * Plans the chunk, or what has been added to its end. The parts overlap, so that each frame lies whole in one window.
 */
static void plan_chunk(const struct pystack_thread *t, struct remote_batch *batch, const struct snapshot *s)
{
        uint32_t known = t->chunk == s->chunk && s->chunk_len > LAYOUT_MAX_FRAME ? s->chunk_len - LAYOUT_MAX_FRAME : 0;

        plan_window(t->py, batch, t->chunk + known, t->chunk_len - known, -1);
}

/* Appends what @s lacks of the thread's stack. */
static void plan_stack(const struct pystack_thread *t, struct remote_batch *batch, struct snapshot *s)
{
        if (t->cframe && t->cframe != s->cframe)
                plan_window(t->py, batch, t->cframe, snapshot_cframe_size(&t->py->runtime.layout), -1);
        if (t->chunk_len && (t->chunk != s->chunk || t->chunk_len > s->chunk_len))
                plan_chunk(t, batch, s);
        for (uint32_t i = s->n_spans; i < t->n_spans; i++)
                plan_window(t->py, batch, t->spans[i].addr, t->spans[i].len, (int32_t)i);
        s->cframe = t->cframe;
        s->chunk = t->chunk;
        s->chunk_len = t->chunk_len;
        s->n_spans = t->n_spans;
}

/*
 * Makes room for all that a snapshot can hold: state, cframe, chunk and spans twice; who collects, generations, proofs,
 * the CPU.
 */
static int reserve_plan(const struct pystack_thread *t)
{
        struct pystack *py = t->py;
        size_t windows = py->scratch.n_windows + 2 + t->n_spans;

        if (py->scratch.cap_windows < windows) {
                struct snapshot_window *grown = realloc(py->scratch.windows, 2 * windows * sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                py->scratch.windows = grown;
                py->scratch.cap_windows = 2 * windows;
        }
        return remote_reserve(
                &py->scratch.room,
                2 * (3 + (size_t)t->n_spans) + 4 + GARBAGE_SPANS_MAX + (size_t)t->n_codes * CODE_PROOFS_MAX, 0);
}

/* Removes from the plan the span that ended a short read. */
static int drop_unreadable(struct pystack_thread *t, const struct iovec *iov, size_t n, size_t got)
{
        size_t i = 0;

        while (i < n && got >= iov[i].iov_len)
                got -= iov[i++].iov_len;
        uint64_t addr = i < n ? (uint64_t)(uintptr_t)iov[i].iov_base : 0;
        if (native_drop(t, addr))
                return 0;
        trace_unread(&t->py->memory, PYSTACK_E_CORRUPT, "span of a snapshot", addr);
        if (addr == t->tstate)
                return PYSTACK_E_GONE;
        if (t->on_cpu && addr == t->on_cpu) {
                t->on_cpu = 0;
        } else if (t->cframe && addr == t->cframe) {
                t->cframe = 0;
        } else if (t->chunk_len && addr == t->chunk) {
                t->chunk_len = 0;
        } else if (!garbage_drop(t, addr)) {
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

static bool is_same_thread(const struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->runtime.layout;

        return word_at(tstate, layout->tstate.interp) == t->interp &&
               word_at(tstate, layout->tstate.thread_id) == t->pthread &&
               (t->unentered || active_state_is_entered(layout, tstate));
}

static int refuse_other_thread(const struct pystack_thread *t, const uint8_t *tstate)
{
        const struct layout *layout = &t->py->runtime.layout;

        if (word_at(tstate, layout->tstate.interp) != t->interp)
                return REFUSE(&t->py->memory, PYSTACK_E_GONE, .field = "tstate.interp",
                              .address = t->tstate + layout->tstate.interp, .expected = "its interpreter",
                              .wanted = t->interp, .found = word_at(tstate, layout->tstate.interp));
        if (word_at(tstate, layout->tstate.thread_id) != t->pthread)
                return REFUSE(&t->py->memory, PYSTACK_E_GONE, .field = "tstate.thread_id",
                              .address = t->tstate + layout->tstate.thread_id, .expected = "its pthread_t",
                              .wanted = t->pthread, .found = word_at(tstate, layout->tstate.thread_id));
        return REFUSE(&t->py->memory, PYSTACK_E_GONE, .field = "tstate.status",
                      .address = t->tstate + layout->tstate.status, .expected = "the flag of the state entered",
                      .found = half_at(tstate, layout->tstate.status));
}

/* A snapshot is given up after spans have left the plan this many times. */
#define SHORT_READS_MAX 64

/* Whether the thread was frozen while the one reading was made. @on_cpu: the number of its CPU, read last. */
static bool was_frozen(const struct pystack_uninterrupted *uninterrupted, const uint8_t *on_cpu)
{
        return half_at(on_cpu, 0) == (uint32_t)uninterrupted->cpu && uninterrupted->unbroken(uninterrupted->cpu);
}

/* Where the parts of a reading lie in the buffer. */
struct parts {
        size_t generation, tlbc_generation, second, on_cpu;
        size_t reading; /* number of spans of the first */
};

/* Appends what is read between the two readings, but for the proofs. Who collects may be read together with a generation. */
static void plan_between(struct pystack_thread *t, struct remote_batch *batch, struct snapshot *s, struct parts *parts)
{
        const struct layout *layout = &t->py->runtime.layout;
        native_plan(t, batch, s);
        size_t spans = batch->n;

        s->garbage = garbage_plan(t, s->frozen, batch);
        s->has_gil = batch->n - spans == t->garbage.n_spans;
        if (layout->interp.code_generation != LAYOUT_NONE)
                parts->generation = s->garbage != GARBAGE_UNREAD && t->garbage.code_generation != LAYOUT_NONE
                                            ? s->garbage + t->garbage.code_generation
                                            : remote_add(batch, t->interp + layout->interp.code_generation, 8);
        if (layout->interp.tlbc_generation != LAYOUT_NONE)
                parts->tlbc_generation = remote_add(batch, t->interp + layout->interp.tlbc_generation, 4);
}

/*
 * Appends what shows that the first reading is of one moment: all of it again, or the CPU of a frozen thread, or
 * both.
 */
static void plan_check(const struct pystack_thread *t, struct remote_batch *batch, const struct snapshot *s,
                       struct parts *parts)
{
        parts->second = 0;
        if (s->twice) {
                memcpy(batch->iov + batch->n, batch->iov, parts->reading * sizeof *batch->iov);
                parts->second = batch->end;
                batch->n += parts->reading;
                batch->end += s->size;
        }
        parts->on_cpu = batch->end;
        if (s->frozen)
                remote_add(batch, t->on_cpu, 4);
}

static void tell_parts(struct pystack *py, const struct parts *parts, struct snapshot *s)
{
        const struct layout *layout = &py->runtime.layout;
        const uint8_t *all = py->scratch.room.buf;

        s->first = all;
        s->second = all + parts->second;
        s->generation = layout->interp.code_generation != LAYOUT_NONE ? word_at(all + parts->generation, 0) : 0;
        s->lives = s->generation ? s->generation : frees_generation(py);
        s->tlbc_generation = layout->interp.tlbc_generation != LAYOUT_NONE ? half_at(all + parts->tlbc_generation, 0)
                                                                           : 0;
}

/*
 * Audits: the first snapshots of a frozen thread, and later one in so many, are read twice all the same. An embedder
 * can let a thread run with the state of another one, and then the state changes although its own thread is frozen.
 */
#define AUDITS_AT_FIRST 16
#define AUDIT_EVERY 16

static bool is_audit(struct pystack_thread *t)
{
        unsigned n = t->frozen++;

        return n < AUDITS_AT_FIRST || n % AUDIT_EVERY == 0;
}

static int plan_snapshot(struct pystack_thread *t, struct remote_batch *batch, struct snapshot *s, struct parts *parts)
{
        struct pystack *py = t->py;

        py->scratch.n_windows = 0;
        int e = reserve_plan(t);
        if (e != 0)
                return e;
        py->numbers.snapshot++;
        *batch = (struct remote_batch){ .iov = py->scratch.room.iov };
        remote_add(batch, t->tstate, py->runtime.layout.tstate.size);
        plan_stack(t, batch, s);
        s->size = batch->end;
        parts->reading = batch->n;
        plan_between(t, batch, s, parts);
        proof_plan(t, batch);
        s->twice = !s->frozen || is_audit(t);
        plan_check(t, batch, s, parts);
        return remote_reserve(&py->scratch.room, 0, batch->end);
}

int snapshot_take(struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted, struct snapshot *ret)
{
        struct pystack *py = t->py;

        for (unsigned i = 0; i < SHORT_READS_MAX; i++) {
                struct snapshot s = { .frozen = uninterrupted && t->on_cpu };
                struct remote_batch batch;
                struct parts parts = { 0 };
                int e = plan_snapshot(t, &batch, &s, &parts);
                if (e != 0)
                        return e;
                if (s.frozen) {
                        native_watch(t, uninterrupted);
                        uninterrupted->begin();
                }
                ssize_t got = py->memory.read(py->memory.ctx, py->scratch.room.buf, py->scratch.room.iov, batch.n);
                if (got < 0 && got != -EFAULT)
                        return remote_error(got);
                if ((size_t)got == batch.end && s.frozen &&
                    !was_frozen(uninterrupted, py->scratch.room.buf + parts.on_cpu)) {
                        uninterrupted = NULL;
                } else if ((size_t)got == batch.end) {
                        tell_parts(py, &parts, &s);
                        s.size = s.twice ? s.size : batch.end;
                        *ret = s;
                        return is_same_thread(t, s.second) ? 0 : refuse_other_thread(t, s.second);
                } else if ((e = drop_unreadable(t, py->scratch.room.iov, batch.n, got < 0 ? 0 : (size_t)got)) != 0) {
                        return e;
                }
        }
        return REFUSE(&py->memory, PYSTACK_E_TORN, .field = "snapshot", .address = t->tstate,
                      .expected = "unreadable spans no more than", .wanted = SHORT_READS_MAX,
                      .found = SHORT_READS_MAX + 1);
}

int snapshot_extend(struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted, struct snapshot *s)
{
        struct pystack *py = t->py;
        size_t from = s->size;
        int e = reserve_plan(t);

        if (e != 0)
                return e;
        struct remote_batch batch = { .iov = py->scratch.room.iov, .end = from };
        plan_stack(t, &batch, s);
        proof_plan(t, &batch);
        size_t on_cpu = remote_add(&batch, t->on_cpu, 4);
        if ((e = remote_reserve(&py->scratch.room, 0, batch.end)) != 0)
                return e;
        s->first = s->second = py->scratch.room.buf;
        s->size = batch.end;
        ssize_t got = py->memory.read(py->memory.ctx, py->scratch.room.buf + from, py->scratch.room.iov, batch.n);
        if (got < 0 && got != -EFAULT)
                return remote_error(got);
        if (got >= 0 && (size_t)got == batch.end - from && was_frozen(uninterrupted, py->scratch.room.buf + on_cpu))
                return 0;
        return REFUSE(&py->memory, PYSTACK_E_TORN, .field = "rest of a snapshot", .address = t->on_cpu,
                      .expected = "a thread that is still frozen, and bytes read", .wanted = batch.end - from,
                      .found = got < 0 ? 0 : (uint64_t)got);
}

bool snapshot_holds(const struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted)
{
        uint8_t cpu[4];

        return t->on_cpu && remote_read(&t->py->memory, t->on_cpu, cpu, sizeof cpu) == 0 &&
               was_frozen(uninterrupted, cpu);
}

/* ---- looking into it ----------------------------------------------------------- */

bool snapshot_find(struct pystack_thread *t, struct snapshot *s, uint64_t addr, size_t len)
{
        const struct pystack *py = t->py;

        for (size_t i = 0; i < py->scratch.n_windows; i++) {
                const struct snapshot_window *window = &py->scratch.windows[i];
                if (!snapshot_inside(window->addr, window->len, addr, len))
                        continue;
                if (window->span >= 0)
                        t->spans[window->span].unused = 0;
                s->window = *window;
                return true;
        }
        return false;
}
