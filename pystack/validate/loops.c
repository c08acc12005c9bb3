/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In 3.11 and 3.12 a loop keeps its running frame in a _PyCFrame among its own
 * variables on the C stack. Its first act is to make that the thread state's cframe
 * (Python/ceval.c, _PyEval_EvalFrameDefault), and compilers let some twenty
 * instructions pass before its fields are written. A thread that is preempted
 * between them shows what an earlier call has left at that place of the C stack:
 * often a cframe, of a loop that has ended, so it looks like one.
 *
 * What such a leftover can hardly be is part of a chain: from the cframe, all loops to
 * the root one, and from each loop's first frame, the running frame of the loop outside
 * are reached both by cframes and by frames, and both must agree. What agrees although
 * the cframe is old shows the caller as it was before the call, which is true.
 *
 * The chain of cframes is complete at any moment but in those twenty instructions,
 * and a loop that ends is left in one store.
 */
#include "loops.h"

/* The shim lies in the same C function's variables: 112 bytes from the cframe in the 3.12 at hand. */
#define SHIM_NEAR 1024u

static bool is_root(const struct pystack_thread *t, uint64_t cframe)
{
        return cframe == t->tstate + t->py->runtime.layout.tstate.cframe_root;
}

static enum walk_result read_cframe(struct pystack_thread *t, struct snapshot *s, uint64_t cframe, struct walk *walk,
                                    uint64_t *ret_frame, uint64_t *ret_previous)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint32_t size = snapshot_cframe_size(layout);
        const uint8_t *a, *b;

        *ret_frame = *ret_previous = 0;
        if (is_root(t, cframe))
                return WALK_DONE;
        if (!snapshot_at(t, s, cframe, size, &a, &b)) {
                walk->missing = cframe;
                walk->missing_len = size;
                return WALK_MISSING;
        }
        *ret_frame = word_at(a, layout->tstate.cframe_frame);
        *ret_previous = word_at(a, layout->tstate.cframe_previous);
        return *ret_frame == word_at(b, layout->tstate.cframe_frame) &&
                               *ret_previous == word_at(b, layout->tstate.cframe_previous)
                       ? WALK_DONE
                       : WALK_CHANGED;
}

/* No frame runs in the root cframe, and in one that stands directly inside of it before its first frame (greenlet's). */
static bool may_be_idle(const struct pystack_thread *t, const struct loops *loops)
{
        return is_root(t, loops->cframe) || is_root(t, loops->previous);
}

enum walk_result loops_begin(struct loops *ret, struct pystack_thread *t, struct snapshot *s, uint64_t *ret_frame,
                             struct walk *walk)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint32_t at = layout->tstate.frame;

        *ret = (struct loops){ 0 };
        if (layout->tstate.cframe == LAYOUT_NONE) {
                *ret_frame = word_at(s->first, at);
                return *ret_frame == word_at(s->second, at) ? WALK_DONE : WALK_CHANGED;
        }
        if (word_at(s->first, layout->tstate.cframe) != word_at(s->second, layout->tstate.cframe))
                return WALK_CHANGED;
        *ret_frame = 0;
        ret->cframe = t->cframe;
        if (!t->cframe)
                return WALK_DONE;
        enum walk_result result = read_cframe(t, s, t->cframe, walk, ret_frame, &ret->previous);
        return result == WALK_DONE && !*ret_frame && !may_be_idle(t, ret) ? WALK_CUT : result;
}

static bool is_near(uint64_t cframe, uint64_t shim)
{
        return shim - cframe < SHIM_NEAR || cframe - shim < SHIM_NEAR;
}

enum walk_result loops_leave(struct loops *loops, struct pystack_thread *t, struct snapshot *s, uint64_t edge,
                             uint64_t outer, struct walk *walk)
{
        bool shims = t->py->runtime.layout.frame.entry == LAYOUT_NONE;
        uint64_t frame, next;

        if (!loops->cframe)
                return WALK_DONE;
        if (!loops->previous || (shims && !is_near(loops->cframe, edge)))
                return WALK_CUT;
        enum walk_result result = read_cframe(t, s, loops->previous, walk, &frame, &next);
        if (result != WALK_DONE)
                return result;
        *loops = (struct loops){ .cframe = loops->previous, .previous = next };
        return frame == outer ? WALK_DONE : WALK_CUT;
}
