/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following the frames of a snapshot. A frame counts only if its link, its code
 * and its position are the same in both readings.
 */
#include "walk.h"

/* Where the running frame is to be read: in the thread state, or in its cframe (3.11, 3.12). */
static bool running_frame(const struct pystack_thread *t, const struct snapshot *s, uint64_t *ret)
{
        const struct layout *layout = &t->py->layout;
        uint32_t at = layout->tstate.frame;

        if (layout->tstate.cframe != LAYOUT_NONE) {
                if (word_at(s->first, layout->tstate.cframe) != word_at(s->second, layout->tstate.cframe))
                        return false;
                if (!t->cframe) {
                        *ret = 0;
                        return true;
                }
                at = s->cframe_at + layout->tstate.cframe_frame;
        }
        *ret = word_at(s->first, at);
        return *ret == word_at(s->second, at);
}

static uint64_t position_at(const struct layout *layout, const uint8_t *frame)
{
        return layout->position <= POSITION_LASTI_UNITS ? half_at(frame, layout->frame.position)
                                                        : word_at(frame, layout->frame.position);
}

static bool same_frame(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
        return word_at(a, layout->frame.previous) == word_at(b, layout->frame.previous) &&
               word_at(a, layout->frame.code) == word_at(b, layout->frame.code) &&
               position_at(layout, a) == position_at(layout, b);
}

static bool is_shim(const struct layout *layout, const uint8_t *frame)
{
        return layout->frame.owner != LAYOUT_NONE && frame[layout->frame.owner] >= LAYOUT_OWNER_SHIM;
}

/*
 * From 3.12 on every chain ends in the shim of the innermost interpreter loop that
 * was called from C without Python below it. One that ends elsewhere was cut: a
 * generator that yields clears its link, and where the compiler has put that before
 * the store that makes its caller the running frame, the thread can be met between
 * the two, both readings alike.
 */
static bool is_whole(const struct layout *layout, const uint8_t *outermost)
{
        return !outermost || layout->frame.owner == LAYOUT_NONE || is_shim(layout, outermost);
}

/* Shims are not counted: as many as this between Python frames, then it is a forged chain. */
#define SHIMS_MAX PYSTACK_MAX_FRAMES

enum walk_result walk_frames(struct pystack_thread *t, struct snapshot *s, struct walk *ret)
{
        const struct layout *layout = &t->py->layout;
        struct raw_frame *raw = t->py->raw;
        bool shared = layout->frame.tlbc_index == LAYOUT_NONE;
        const uint8_t *a = NULL, *b;
        unsigned shims = 0;
        uint64_t frame;

        ret->n = 0;
        ret->truncated = false;
        if (!running_frame(t, s, &frame))
                return WALK_CHANGED;
        while (frame) {
                if (!snapshot_at(t, s, frame, layout->frame.size, &a, &b)) {
                        ret->missing = frame;
                        return WALK_MISSING;
                }
                if (!same_frame(layout, a, b))
                        return WALK_CHANGED;
                if (ret->n == PYSTACK_MAX_FRAMES || shims == SHIMS_MAX) {
                        ret->truncated = true;
                        return WALK_DONE;
                }
                if (is_shim(layout, a))
                        shims++;
                else
                        raw[ret->n++] = (struct raw_frame){
                                .code = word_at(a, layout->frame.code) & ~layout->frame.tag_mask,
                                .position = (int64_t)position_at(layout, a),
                                .tlbc_index = shared ? 0 : half_at(a, layout->frame.tlbc_index),
                        };
                frame = word_at(a, layout->frame.previous);
        }
        return is_whole(layout, a) ? WALK_DONE : WALK_CUT;
}

/* A pointer outside the bytecode of any possible function: not started, or forged. */
#define BYTECODE_MAX ((int64_t)1 << 28)

int32_t walk_instruction(const struct layout *layout, const struct raw_frame *frame, uint64_t bytecode)
{
        int64_t at;

        switch (layout->position) {
        case POSITION_LASTI_BYTES:
                at = (int32_t)frame->position;
                break;
        case POSITION_LASTI_UNITS:
                at = 2 * (int64_t)(int32_t)frame->position;
                break;
        default:
                at = frame->position - (int64_t)bytecode;
        }
        return at < 0 || at > BYTECODE_MAX ? -1 : (int32_t)at;
}
