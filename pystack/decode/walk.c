/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the frames of a snapshot. A frame counts only if its link, its code and its position agree in both
 * readings.
 */
#include "walk.h"
#include "pystack/trace.h"
#include "pystack/validate/loops.h"

static uint64_t position_at(const struct layout *layout, const uint8_t *frame)
{
        return layout->position <= POSITION_LASTI_UNITS ? half_at(frame, layout->frame.position)
                                                        : word_at(frame, layout->frame.position);
}

static bool is_same_frame(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
        return word_at(a, layout->frame.previous) == word_at(b, layout->frame.previous) &&
               word_at(a, layout->frame.code) == word_at(b, layout->frame.code) &&
               position_at(layout, a) == position_at(layout, b);
}

static bool is_shim(const struct layout *layout, const uint8_t *frame)
{
        return layout->frame.owner != LAYOUT_NONE && frame[layout->frame.owner] >= LAYOUT_OWNER_SHIM;
}

/* Whether C has called the frame. In 3.11 the frame says so itself. */
static bool is_entry(const struct layout *layout, const uint8_t *frame)
{
        return layout->frame.entry != LAYOUT_NONE && frame[layout->frame.entry];
}

/*
 * Whether the chain of frames is whole. From 3.12 on each chain ends in a shim, that of the outermost loop. A chain
 * that ends elsewhere was cut. A generator that yields clears its link, and makes its caller the running frame. Some
 * compilers put the first store before the second one. A thread that stands between the two shows a chain that was
 * cut, in both readings.
 */
static bool is_whole(const struct layout *layout, const uint8_t *outermost)
{
        bool ends = layout->frame.owner != LAYOUT_NONE;

        return !outermost || !ends || is_shim(layout, outermost) || is_entry(layout, outermost);
}

/* Shims are not counted as frames. A chain with more of them than this is forged. */
#define SHIMS_MAX PYSTACK_MAX_FRAMES

static struct raw_frame make_raw_frame(const struct layout *layout, uint64_t addr, const uint8_t *frame)
{
        bool shared = layout->frame.tlbc_index == LAYOUT_NONE;

        return (struct raw_frame){
                .code = word_at(frame, layout->frame.code) & ~layout->frame.tag_mask,
                .position = (int64_t)position_at(layout, frame),
                .tlbc_index = shared ? 0 : half_at(frame, layout->frame.tlbc_index),
                .addr = addr,
                .on_data_stack = layout->frame.owner != LAYOUT_NONE && frame[layout->frame.owner] == 0,
                .from_c = is_entry(layout, frame),
                .at_rest = layout->frame.stack_top != LAYOUT_NONE &&
                           half_at(frame, layout->frame.stack_top) != UINT32_MAX,
        };
}

/* Adds the frame at @addr, whose bytes are @frame, as the next one outside. */
static void add_frame(struct pystack *py, uint64_t addr, const uint8_t *frame, struct walk *ret)
{
        if (!is_shim(&py->runtime.layout, frame))
                py->scratch.raw[ret->n++] = make_raw_frame(&py->runtime.layout, addr, frame);
        else if (ret->n > 0)
                py->scratch.raw[ret->n - 1].from_c = true;
}

/* Ends the piece of a loop. The cframe is its anchor if there is no shim. */
static void end_piece(struct pystack *py, uint64_t edge, const struct loops *loops, struct walk *ret)
{
        bool has_shim = py->runtime.layout.frame.entry == LAYOUT_NONE;

        if (py->scratch.pieces)
                py->scratch.pieces[ret->n_pieces++] = (struct piece){ .anchor = has_shim ? edge : loops->cframe,
                                                                      .end = (uint32_t)ret->n };
}

enum walk_result walk_frames(struct pystack_thread *t, struct snapshot *s, struct walk *ret)
{
        const struct layout *layout = &t->py->runtime.layout;
        const uint8_t *a = NULL, *b;
        unsigned shims = 0;
        uint64_t frame, outermost = 0;
        struct loops loops;

        *ret = (struct walk){ 0 };
        enum walk_result result = loops_begin(&loops, t, s, &frame, ret);
        while (result == WALK_DONE && frame) {
                if (!snapshot_at(t, s, frame, layout->frame.size, &a, &b)) {
                        ret->missing = frame;
                        return WALK_MISSING;
                }
                if (!is_same_frame(layout, a, b))
                        return REFUSE(&t->py->memory, WALK_CHANGED, .field = "frame", .address = frame,
                                      .expected = "the same link, code and position in both readings; the first link",
                                      .wanted = word_at(a, layout->frame.previous),
                                      .found = word_at(b, layout->frame.previous));
                if (ret->n == PYSTACK_MAX_FRAMES || shims == SHIMS_MAX) {
                        ret->truncated = true;
                        return WALK_DONE;
                }
                shims += is_shim(layout, a);
                add_frame(t->py, frame, a, ret);
                if (is_shim(layout, a) || is_entry(layout, a)) {
                        end_piece(t->py, frame, &loops, ret);
                        result = loops_leave(&loops, t, s, frame, word_at(a, layout->frame.previous), ret);
                }
                outermost = frame;
                frame = word_at(a, layout->frame.previous);
        }
        if (result == WALK_DONE && !is_whole(layout, a))
                return REFUSE(&t->py->memory, WALK_CUT, .field = "frame.owner",
                              .address = outermost + layout->frame.owner, .expected = "a shim at the end of the chain",
                              .wanted = LAYOUT_OWNER_SHIM, .found = a[layout->frame.owner]);
        return result;
}

/* A position beyond any possible bytecode: the frame has not begun, or it is forged. */
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
                at = (int64_t)((uint64_t)frame->position - bytecode);
        }
        return at < 0 || at > BYTECODE_MAX ? -1 : (int32_t)at;
}
