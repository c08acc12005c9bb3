/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's stack: snapshots until one is whole, agrees with itself, and proves
 * all its code objects. A steady thread needs one.
 */
#include "bytecode.h"
#include "current.h"
#include "lines.h"
#include "proof.h"
#include "snapshot.h"
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Snapshots that only taught something (a new chunk, a new frame, a new code
 * object) are not retries, but a target that keeps teaching is not read for ever.
 */
#define LESSONS_MAX 40

/* In struct rseq (linux/rseq.h). */
#define RSEQ_CPU_ID 4

/* What became of one snapshot. */
enum outcome {
        OUTCOME_STACK,  /* a true stack */
        OUTCOME_LESSON, /* the plan or the cache has learned: take another */
        OUTCOME_TORN,   /* the thread was running */
};

int pystack_thread_open(struct pystack *py, const struct pystack_thread_ref *ref, struct pystack_thread **ret)
{
        struct pystack_thread *t = calloc(1, sizeof *t);

        if (!t)
                return -ENOMEM;
        *t = (struct pystack_thread){ .py = py, .tstate = ref->tstate, .interp = ref->interp, .pthread = ref->pthread,
                                      .inner_tid = ref->inner_tid };
        if (py->rseq_offset)
                t->on_cpu = ref->pthread + (uint64_t)py->rseq_offset + RSEQ_CPU_ID;
        *ret = t;
        return 0;
}

void pystack_thread_close(struct pystack_thread *t)
{
        if (!t)
                return;
        free(t->spans);
        free(t->codes);
        free(t);
}

uint64_t pystack_thread_tstate(const struct pystack_thread *t)
{
        return t->tstate;
}

static int make_room(struct pystack *py)
{
        if (!py->raw)
                py->raw = malloc(PYSTACK_MAX_FRAMES * sizeof *py->raw);
        if (!py->frames)
                py->frames = malloc(PYSTACK_MAX_FRAMES * sizeof *py->frames);
        return py->raw && py->frames ? 0 : -ENOMEM;
}

/* ---- naming ------------------------------------------------------------------------ */

/* Notes in the plan that this code object is on the stack. */
static int list_code(struct pystack_thread *t, struct code_entry *entry)
{
        if (entry->listed == t->py->snapshots)
                return 0;
        if (t->n_codes == t->cap_codes) {
                uint32_t cap = t->cap_codes ? 2 * t->cap_codes : 8;
                uint64_t *codes = realloc(t->codes, cap * sizeof *codes);
                if (!codes)
                        return -ENOMEM;
                t->codes = codes;
                t->cap_codes = cap;
        }
        entry->listed = t->py->snapshots;
        t->codes[t->n_codes++] = entry->addr;
        return 0;
}

static int find_or_resolve(struct pystack *py, uint64_t addr, struct code_entry **ret)
{
        struct code_entry *entry = code_cache_find(&py->codes, addr);

        if (entry && entry->rejected != py->snapshots) {
                *ret = entry;
                return 0;
        }
        return code_cache_resolve(&py->codes, &py->layout, &py->reader, py->code_type, addr, ret);
}

/* Names the frames of the walk. @ret_proved: whether all of them are certain. */
static int name_frames(struct pystack_thread *t, const struct snapshot *s, size_t n, bool *ret_proved)
{
        struct pystack *py = t->py;
        struct code_entry *entry = NULL;
        bool all = true, certain = false, shared = py->layout.code.tlbc == LAYOUT_NONE;

        t->n_codes = 0;
        for (size_t i = 0; i < n; i++) {
                if (!entry || entry->addr != py->raw[i].code) {
                        int e = find_or_resolve(py, py->raw[i].code, &entry);
                        if (e != 0)
                                return e;
                        if ((e = proof_check(t, s, entry, &certain)) != 0)
                                return e;
                        if (!certain && entry->rejected == py->snapshots &&
                            (e = find_or_resolve(py, py->raw[i].code, &entry)) != 0)
                                return e;
                        if ((e = list_code(t, entry)) != 0)
                                return e;
                }
                uint64_t bytecode = py->raw[i].code + py->layout.code.bytecode;
                bool found = true;
                int e = shared ? 0 : bytecode_find(py, s, entry, &py->raw[i], &bytecode, &found);
                if (e != 0)
                        return e;
                all = all && certain && found;
                py->frames[i] = (struct pystack_frame){
                        .code = &entry->code,
                        .instruction = walk_instruction(&py->layout, &py->raw[i], bytecode),
                };
        }
        *ret_proved = all;
        return 0;
}

static void note_generation(struct pystack_thread *t, const struct snapshot *s)
{
        if (t->generation != 0 && t->generation != s->generation)
                t->generation_changes = 8;
        else if (t->generation_changes > 0)
                t->generation_changes--;
        t->generation = s->generation;
}

/* ---- sampling ------------------------------------------------------------------ */

/*
 * One snapshot. PYSTACK_E_CORRUPT from a code object that cannot be resolved is
 * what a running thread looks like as well: torn, unless it stays.
 */
static int try_once(struct pystack_thread *t, const struct pystack_hold *hold, struct walk *walk, enum outcome *ret)
{
        struct snapshot s;
        bool certain;
        int e = snapshot_take(t, hold, &s);

        t->py->provisional = false;
        *ret = OUTCOME_LESSON;
        if (e == PYSTACK_E_GONE)
                return current_follow(t);
        if (e != 0)
                return e;
        if (snapshot_replan(t, &s))
                return 0;
        switch (walk_frames(t, &s, walk)) {
        case WALK_MISSING:
                e = snapshot_learn(t, walk->missing);
                if (e == -ENOSPC && walk->n > 0) {
                        walk->truncated = true; /* frames further out lie too far apart */
                        break;
                }
                if (e == -ENOSPC)
                        return 0; /* the plan is full of frames to begin with */
                if (e == PYSTACK_E_TORN)
                        *ret = OUTCOME_TORN;
                return e == PYSTACK_E_TORN ? 0 : e;
        case WALK_CHANGED:
                if (s.held)
                        t->on_cpu = 0; /* who changed it was not the thread that is held: never again */
                *ret = OUTCOME_TORN;
                return 0;
        case WALK_CUT:
                *ret = OUTCOME_TORN;
                return 0;
        case WALK_DONE:
                break;
        }
        note_generation(t, &s);
        e = name_frames(t, &s, walk->n, &certain);
        if (e == 0 && certain) {
                *ret = OUTCOME_STACK;
                snapshot_forget(t, &s);
        } else if (e == PYSTACK_E_CORRUPT) {
                *ret = OUTCOME_TORN;
                e = 0;
        }
        return e;
}

int pystack_sample_held(struct pystack *py, struct pystack_thread *t, const struct pystack_hold *hold,
                        unsigned max_tries, struct pystack_stack *ret)
{
        unsigned lessons = 0, torn = 0;
        struct walk walk;
        int e = make_room(py);

        if (e == 0)
                e = current_choose(t);
        code_cache_sweep(&py->codes);
        while (e == 0) {
                enum outcome outcome;
                e = try_once(t, hold, &walk, &outcome);
                if (e != 0)
                        break;
                if (outcome == OUTCOME_STACK) {
                        *ret = (struct pystack_stack){ .frames = py->frames, .n = walk.n,
                                                       .truncated = walk.truncated, .retries = torn,
                                                       .provisional = py->provisional };
                        break;
                }
                if (outcome == OUTCOME_TORN)
                        torn++;
                else
                        lessons++;
                if (torn >= max_tries || lessons > LESSONS_MAX)
                        e = PYSTACK_E_TORN;
        }
        return e;
}

int pystack_sample(struct pystack *py, struct pystack_thread *t, unsigned max_tries, struct pystack_stack *ret)
{
        return pystack_sample_held(py, t, NULL, max_tries, ret);
}

uint32_t pystack_line(struct pystack *py, const struct pystack_frame *frame)
{
        struct code_entry *entry = (struct code_entry *)(uintptr_t)frame->code;
        struct line_memo *memo = &entry->memo[(uint32_t)frame->instruction / 2 % LINE_MEMOS];

        if (!memo->known || memo->instruction != frame->instruction)
                *memo = (struct line_memo){
                        .known = true,
                        .instruction = frame->instruction,
                        .line = lines_find(py->layout.lines, entry->lines, entry->lines_len, frame->code->first_line,
                                           frame->instruction),
                };
        return memo->line;
}
