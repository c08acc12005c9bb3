/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of CPython's evaluation loop is one frame of C code: _PyEval_EvalFrameDefault. It runs a piece of the chain of
 * Python frames, and something of the piece shows in which C frame:
 *
 *   up to 3.10   each frame is a piece. The loop has its address in a register, or in its C frame
 *   3.11         a piece ends at the frame with the flag is_entry. The cframe of its loop lies in the loop's C frame
 *   3.12 on      a piece ends at a shim, which lies in the loop's C frame
 *   3.15 on      likewise, and the chain ends at one more shim, in the thread state, which is no loop's (base_frame)
 *
 * So each piece is put where it shows that it belongs, and all of them must find a place, in their order. A loop without a
 * piece has just begun, or is about to end: it is the innermost one. Outside of the outermost piece a loop runs for another thread state: that of
 * another greenlet, or of another interpreter. What that one runs is not known, so the stack ends before it. If no Python
 * frame is known, neither is what any loop runs.
 */
#include "merge.h"

static uint32_t end_of_piece(const struct merge_python *python, size_t i)
{
        return python->pieces ? python->pieces[i].end : (uint32_t)i + 1;
}

/* Whether the outermost piece has no frame, and ends outside of the C stack. */
static bool has_base(const struct unwound *native, const struct merge_python *python)
{
        size_t last = python->n_pieces - 1;
        uint64_t begin = native->n > 0 ? native->frames[0].registers.sp : native->top;

        return python->n_pieces > 0 && end_of_piece(python, last) == (last > 0 ? end_of_piece(python, last - 1) : 0) &&
               python->pieces[last].anchor - begin >= native->top - begin;
}

static size_t count_pieces(const struct unwound *native, const struct merge_python *python)
{
        return python->pieces ? python->n_pieces - has_base(native, python) : python->n;
}

static uint64_t end_of_frame(const struct unwound *native, size_t i)
{
        return i + 1 < native->n ? native->frames[i + 1].registers.sp : native->top;
}

static bool has_in_register(const struct elfsym_registers *registers, uint64_t value)
{
        for (unsigned i = 0; i < ELFSYM_SAVED_MAX; i++)
                if (registers->known >> i & 1 && registers->general[i] == value)
                        return true;
        return false;
}

/* Or a function that the loop has jumped to at its end. */
static bool is_run_of_loop(const struct native_frame *frame)
{
        return frame->loop || frame->maybe_loop;
}

/* Whether the C frame @i runs the piece. */
static bool runs_piece(const struct unwound *native, size_t i, struct native_stack *stack,
                       const struct merge_python *python, size_t piece)
{
        const struct native_frame *frame = &native->frames[i];
        uint64_t begin = frame->registers.sp, end = end_of_frame(native, i);

        if (python->pieces)
                return python->pieces[piece].anchor - begin < end - begin;
        uint64_t address = python->frames[piece].addr;
        return is_run_of_loop(frame) &&
               (has_in_register(&frame->registers, address) || unwind_has_word(stack, begin, end, address));
}

static void add_code(const struct native_frame *frame, const struct images *images, struct pystack_mixed *mixed,
                     struct pystack_mixed_frame *frames)
{
        const struct image *image = images_get(images, frame->image);

        frames[mixed->n++] = (struct pystack_mixed_frame){ .image = frame->image,
                                                           .value = image ? frame->pc - image->told.bias : frame->pc };
}

/* Adds the frames of a piece. A piece without frames is a loop that only C code shows. */
static void add_piece(const struct merge_python *python, size_t piece, struct pystack_mixed *mixed,
                      struct pystack_mixed_frame *frames)
{
        for (uint32_t i = piece ? end_of_piece(python, piece - 1) : 0; i < end_of_piece(python, piece); i++)
                frames[mixed->n++] = (struct pystack_mixed_frame){ .python = i + 1 };
}

/* Puts the pieces in their places, but in none of the first @skip loops. False: not all have found one. */
static bool place_pieces(const struct unwound *native, struct native_stack *stack, const struct merge_python *python,
                         const struct images *images, size_t skip, struct pystack_mixed_frame *frames,
                         struct pystack_mixed *mixed)
{
        size_t placed = 0, without = 0, n = count_pieces(native, python);

        for (size_t i = 0; i < native->n; i++) {
                const struct native_frame *frame = &native->frames[i];
                bool loop = is_run_of_loop(frame), skipped = loop && skip > 0;
                skip -= skipped;
                if (!skipped && placed < n && runs_piece(native, i, stack, python, placed)) {
                        size_t before = mixed->n;
                        add_piece(python, placed++, mixed, frames);
                        if (mixed->n > before)
                                continue;
                } else if (loop && placed < n && (placed > 0 || ++without > 1)) {
                        return false;
                } else if (loop && python->n == 0) {
                        return false;
                } else if (loop && placed == n) {
                        mixed->truncated = true;
                        break;
                }
                add_code(frame, images, mixed, frames);
        }
        return placed == n;
}

/*
 * Up to 3.10, an innermost loop that is about to end may hold the address of the frame outside of it, and those outside
 * may seem to do so too. If the loops are one more than the frames, the innermost one has none. If the stack ends before
 * an outer loop, their number does not tell.
 */
static bool merge_frames(const struct unwound *native, struct native_stack *stack, const struct merge_python *python,
                         const struct images *images, struct pystack_mixed_frame *frames, struct pystack_mixed *mixed)
{
        struct pystack_mixed with = *mixed, without = *mixed;
        bool may_have_ended = python->n > 0 && place_pieces(native, stack, python, images, 1, frames, &without);

        if (may_have_ended && !without.truncated) {
                *mixed = without;
                return true;
        }
        bool ok = place_pieces(native, stack, python, images, 0, frames, &with) && !(may_have_ended && with.truncated);
        *mixed = with;
        return ok;
}

static enum pystack_unmerged tell_why(const struct unwound *native, const struct native_stack *stack)
{
        if (native->reason != PYSTACK_MERGED)
                return native->reason;
        return stack->searched == NATIVE_SEARCH_MAX ? PYSTACK_UNMERGED_COSTLY : PYSTACK_UNMERGED_DISAGREES;
}

void merge_stacks(const struct unwound *native, struct native_stack *stack, const struct merge_python *python,
                  const struct images *images, struct pystack_mixed_frame *ret_frames, struct pystack_mixed *ret)
{
        *ret = (struct pystack_mixed){ .frames = ret_frames, .truncated = native->reason != PYSTACK_MERGED };
        if (python->pieces ? place_pieces(native, stack, python, images, 0, ret_frames, ret)
                           : merge_frames(native, stack, python, images, ret_frames, ret))
                return;
        ret->n = 0;
        ret->reason = tell_why(native, stack);
}
