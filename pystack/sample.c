/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a thread's stack: takes snapshots until one is whole, agrees with itself, and proves all its code objects. A
 * thread whose stack hardly changes needs one.
 */
#include "pystack/decode/name.h"
#include "pystack/decode/walk.h"
#include "pystack/greenlets/running.h"
#include "pystack/memory/plan.h"
#include "pystack/native/reading.h"
#include "pystack/opcodes/read.h"
#include "pystack/tasks/running.h"
#include "pystack/threads/active_state.h"
#include "pystack/trace.h"
#include "pystack/validate/fit.h"
#include "pystack/validate/garbage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * An incomplete snapshot (of a new chunk, a new frame, a new code object) is no retry. But a sample with more of them
 * than this is given up.
 */
#define INCOMPLETE_MAX 40

/* In struct rseq (linux/rseq.h). */
#define RSEQ_CPU_ID 4

/* What became of one snapshot. */
enum outcome {
        OUTCOME_STACK,      /* a true stack */
        OUTCOME_INCOMPLETE, /* the plan or the cache has been extended: take another */
        OUTCOME_TORN,       /* the thread was running */
};

int pystack_thread_open(struct pystack *py, const struct pystack_thread_ref *ref, struct pystack_thread **ret)
{
        struct pystack_thread *t = calloc(1, sizeof *t);

        if (!t)
                return -ENOMEM;
        *t = (struct pystack_thread){ .py = py,
                                      .tstate = ref->tstate,
                                      .interp = ref->interp,
                                      .pthread = ref->pthread,
                                      .inner_tid = ref->inner_tid };
        if (py->process.rseq_offset)
                t->on_cpu = ref->pthread + (uint64_t)py->process.rseq_offset + RSEQ_CPU_ID;
        *ret = t;
        return 0;
}

void pystack_thread_close(struct pystack_thread *t)
{
        if (!t)
                return;
        free(t->spans);
        free(t->named);
        free(t->codes);
        free(t);
}

uint64_t pystack_thread_tstate(const struct pystack_thread *t)
{
        return t->tstate;
}

struct pystack_thread_ref pystack_thread_get(const struct pystack_thread *t)
{
        return (struct pystack_thread_ref){
                .tstate = t->tstate,
                .interp = t->interp,
                .pthread = t->pthread,
                .inner_tid = t->inner_tid,
                .main = t->inner_tid == t->py->process.inner_pid,
        };
}

static int reserve_stack(struct pystack *py)
{
        if (!py->scratch.raw)
                py->scratch.raw = malloc(PYSTACK_MAX_FRAMES * sizeof *py->scratch.raw);
        if (!py->scratch.frames)
                py->scratch.frames = malloc(PYSTACK_MAX_FRAMES * sizeof *py->scratch.frames);
        if (py->native && !py->scratch.pieces)
                py->scratch.pieces = malloc(2 * PYSTACK_MAX_FRAMES * sizeof *py->scratch.pieces);
        return py->scratch.raw && py->scratch.frames && (!py->native || py->scratch.pieces) ? 0 : -ENOMEM;
}

/* ---- sampling ------------------------------------------------------------------ */

static void note_generation(struct pystack_thread *t, const struct snapshot *s)
{
        if (t->generation != 0 && t->generation != s->lives)
                t->generation_changes = 8;
        else if (t->generation_changes > 0)
                t->generation_changes--;
        t->generation = s->lives;
}

/* Adds the missing frame to the plan. */
static int plan_missing_span(struct pystack_thread *t, struct snapshot *s, struct walk *walk, enum outcome *ret)
{
        uint32_t before = t->n_spans;
        int e = walk->missing_len ? plan_add(t, s, walk->missing, walk->missing_len) : plan_extend(t, s, walk->missing);

        *ret = e == PYSTACK_E_TORN ? OUTCOME_TORN : OUTCOME_INCOMPLETE;
        t->py->sample.senseless += e == PYSTACK_E_TORN;
        if (e == -ENOSPC && walk->n > 0) {
                walk->truncated = true; /* frames further out lie too far apart */
                *ret = OUTCOME_STACK;
        } else if (e == -ENOSPC && t->n_spans == before) {
                t->n_spans = 0; /* full of another stack's */
        }
        return e == -ENOSPC || e == PYSTACK_E_TORN ? 0 : e;
}

static int follow_frames(struct pystack_thread *t, struct snapshot *s, struct walk *walk, enum outcome *ret)
{
        switch (walk_frames(t, s, walk)) {
        case WALK_MISSING:
                return plan_missing_span(t, s, walk, ret);
        case WALK_CHANGED:
                if (s->frozen)
                        t->on_cpu =
                                0; /* another thread has changed it than the frozen one: never trust its rseq again */
                *ret = OUTCOME_TORN;
                return 0;
        case WALK_CUT:
                *ret = OUTCOME_TORN;
                return 0;
        case WALK_DONE:
                break;
        }
        *ret = OUTCOME_STACK;
        return 0;
}

/*
 * Makes a stack of the snapshot, or finds out what it lacks. A code object that cannot be read is PYSTACK_E_CORRUPT,
 * but a running thread looks like that as well. So the snapshot is torn.
 */
static int decode_snapshot(struct pystack_thread *t, struct snapshot *s, struct walk *walk, enum outcome *ret)
{
        bool certain = false;

        *ret = OUTCOME_INCOMPLETE;
        if (plan_update(t, s))
                return 0;
        int e = follow_frames(t, s, walk, ret);
        if (e != 0 || *ret != OUTCOME_STACK)
                return e;
        note_generation(t, s);
        e = name_frames(t, s, walk->n, &certain);
        t->py->sample.senseless += e == PYSTACK_E_CORRUPT;
        *ret = e == PYSTACK_E_CORRUPT ? OUTCOME_TORN : certain ? OUTCOME_STACK : OUTCOME_INCOMPLETE;
        if (e == 0 && certain && t->py->runtime.layout.code.words[0] != LAYOUT_NONE && !fit_frames(t, s, walk->n))
                *ret = OUTCOME_TORN;
        return e == PYSTACK_E_CORRUPT ? 0 : e;
}

/* OUTCOME_TORN: it may be that of another greenlet. */
static enum outcome fill_stack(struct pystack_thread *t, struct snapshot *s,
                               const struct pystack_uninterrupted *uninterrupted, struct walk *walk,
                               struct pystack_stack *ret)
{
        *ret = (struct pystack_stack){ .frames = t->py->scratch.frames,
                                       .n = walk->n,
                                       .truncated = walk->truncated,
                                       .provisional = t->py->sample.provisional };
        garbage_judge(t, s, uninterrupted, ret);
        if (t->native.request) {
                native_merge(t, s, uninterrupted, walk, &t->native.mixed);
                ret->mixed = &t->native.mixed;
        }
        if (t->py->opcodes && walk->n > 0 && !ret->gc)
                ret->opcode = opcode_read(t->py, &t->py->scratch.raw[0], t->named[walk->n - 1].entry,
                                          t->py->scratch.frames[0].instruction);
        if (!greenlets_extend(t, s, uninterrupted, walk, ret))
                return OUTCOME_TORN;
        tasks_root(t, s, uninterrupted, walk, ret);
        plan_prune(t, s);
        return OUTCOME_STACK;
}

/* Takes one snapshot, and extends it by what it lacks as long as the thread is frozen. */
static int try_once(struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted, enum outcome *ret,
                    struct pystack_stack *ret_stack)
{
        struct snapshot s;
        struct walk walk;
        int e = snapshot_take(t, uninterrupted, &s);

        t->py->sample.provisional = false;
        *ret = OUTCOME_INCOMPLETE;
        if (e != 0)
                return e == PYSTACK_E_GONE ? active_state_follow(t) : e;
        for (unsigned i = 0; e == 0 && i < INCOMPLETE_MAX; i++) {
                e = decode_snapshot(t, &s, &walk, ret);
                if (e != 0 || *ret != OUTCOME_INCOMPLETE || !snapshot_is_open(&s))
                        break;
                e = snapshot_extend(t, uninterrupted, &s);
        }
        if (e == 0 && *ret == OUTCOME_STACK)
                *ret = fill_stack(t, &s, uninterrupted, &walk, ret_stack);
        if (e == 0 && *ret == OUTCOME_TORN && greenlets_resume(t, &s, uninterrupted, &walk)) {
                *ret_stack = (struct pystack_stack){ .frames = t->py->scratch.frames, .n = walk.n };
                *ret = OUTCOME_STACK;
        }
        return e == PYSTACK_E_TORN ? 0 : e;
}

int pystack_sample_frozen(struct pystack *py, struct pystack_thread *t,
                          const struct pystack_uninterrupted *uninterrupted, unsigned max_tries,
                          struct pystack_stack *ret)
{
        unsigned incomplete = 0, torn = 0;
        int e = reserve_stack(py);

        if (e == 0)
                e = active_state_choose(t);
        code_cache_sweep(&py->codes);
        py->sample.senseless = py->sample.codes_read = 0;
        py->sample.line_bytes = 0;
        while (e == 0) {
                enum outcome outcome;
                e = try_once(t, uninterrupted, &outcome, ret);
                if (e != 0)
                        break;
                if (outcome == OUTCOME_STACK) {
                        ret->retries = torn;
                        break;
                }
                t->native.moved = t->native.moved || outcome == OUTCOME_TORN;
                if (outcome == OUTCOME_TORN)
                        torn++;
                else
                        incomplete++;
                if (torn >= max_tries || incomplete > INCOMPLETE_MAX)
                        e = REFUSE(&py->memory, PYSTACK_E_TORN, .field = "sample", .address = t->tstate,
                                   .expected = torn >= max_tries ? "torn snapshots fewer than"
                                                                 : "incomplete snapshots of at most",
                                   .wanted = torn >= max_tries ? max_tries : INCOMPLETE_MAX,
                                   .found = torn >= max_tries ? torn : incomplete);
        }
        t->native.request = NULL;
        return e;
}

int pystack_sample(struct pystack *py, struct pystack_thread *t, unsigned max_tries, struct pystack_stack *ret)
{
        return pystack_sample_frozen(py, t, NULL, max_tries, ret);
}

void pystack_limit(struct pystack *py, uint64_t cpu_ns)
{
        py->sample.cpu_ns_max = cpu_ns;
}
