/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that the evaluation loops of 3.11 and 3.12 lie inside each other. A loop keeps its running frame in a
 * _PyCFrame, among its own variables on the C stack. First it makes that the thread state's cframe (Python/ceval.c,
 * _PyEval_EvalFrameDefault). Compilers let some twenty instructions pass before they write its fields. A thread that
 * is preempted in between shows what an earlier call has left at that place of the C stack. Often that is the cframe
 * of a loop that has ended.
 *
 * Such a leftover is hardly part of a chain. Two ways lead from the cframe to the root one, loop by loop: the links
 * of the cframes, and the links of the frames. Both must reach the running frame of each loop. If they agree although
 * the cframe is old, the stack is that of the caller before the call, which is true.
 *
 * The chain of cframes is whole at any other moment. A loop ends by one store.
 */
#include "loops.h"

#include "pystack/trace.h"

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
        if (*ret_frame == word_at(b, layout->tstate.cframe_frame) &&
            *ret_previous == word_at(b, layout->tstate.cframe_previous))
                return WALK_DONE;
        return REFUSE(&t->py->memory, WALK_CHANGED, .field = "cframe.current_frame", .address = cframe,
                      .expected = "the same in both readings", .wanted = *ret_frame,
                      .found = word_at(b, layout->tstate.cframe_frame));
}

/* Whether the loop may have no frame: the root cframe has none, and one directly inside of it (greenlet's) at first. */
static bool may_be_idle(const struct pystack_thread *t, const struct loops *loops)
{
        return is_root(t, loops->cframe) || is_root(t, loops->previous);
}

/* Whether a word of the thread state is the same in both readings. */
static inline enum walk_result check_unchanged(const struct pystack_thread *t, const struct snapshot *s,
                                               const char *field, uint32_t at)
{
        uint64_t first = word_at(s->first, at), second = word_at(s->second, at);

        if (first == second)
                return WALK_DONE;
        return REFUSE(&t->py->memory, WALK_CHANGED, .field = field, .address = t->tstate + at,
                      .expected = "the same in both readings", .wanted = first, .found = second);
}

enum walk_result loops_begin(struct loops *ret, struct pystack_thread *t, struct snapshot *s, uint64_t *ret_frame,
                             struct walk *walk)
{
        const struct layout *layout = &t->py->runtime.layout;
        uint32_t at = layout->tstate.frame;

        *ret = (struct loops){ 0 };
        if (layout->tstate.cframe == LAYOUT_NONE) {
                *ret_frame = word_at(s->first, at);
                return check_unchanged(t, s, "tstate.current_frame", at);
        }
        if (check_unchanged(t, s, "tstate.cframe", layout->tstate.cframe) != WALK_DONE)
                return WALK_CHANGED;
        *ret_frame = 0;
        ret->cframe = t->cframe;
        if (!t->cframe)
                return WALK_DONE;
        enum walk_result result = read_cframe(t, s, t->cframe, walk, ret_frame, &ret->previous);
        if (result == WALK_DONE && !*ret_frame && !may_be_idle(t, ret))
                return REFUSE(&t->py->memory, WALK_CUT, .field = "cframe.current_frame", .address = t->cframe,
                              .expected = "a frame, since this is not the root cframe");
        return result;
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
                return REFUSE(&t->py->memory, WALK_CUT, .field = "cframe.previous", .address = loops->cframe,
                              .expected = "a cframe near the shim", .wanted = edge, .found = loops->previous);
        enum walk_result result = read_cframe(t, s, loops->previous, walk, &frame, &next);
        if (result != WALK_DONE)
                return result;
        *loops = (struct loops){ .cframe = loops->previous, .previous = next };
        if (frame == outer)
                return WALK_DONE;
        return REFUSE(&t->py->memory, WALK_CUT, .field = "cframe.current_frame", .address = loops->cframe,
                      .expected = "the frame behind the shim", .wanted = outer, .found = frame);
}
