/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_MERGE_H
#define PYSTACK_MERGE_H

/* From the frames of C code and those of Python to one stack. */

#include "unwind.h"

/* The Python frames of a stack, as walk.h has found them, and the pieces of which each belongs to a loop. */
struct merge_python {
        const struct raw_frame *frames; /* leaf first */
        size_t n;
        const struct piece *pieces; /* innermost first. NULL: up to 3.10, each frame is a piece */
        size_t n_pieces;
};

/*
 * Merges. @ret_frames has room for PYSTACK_NATIVE_MAX + PYSTACK_MAX_FRAMES frames; @ret points to it.
 */
void merge_stacks(const struct unwound *native, struct native_stack *stack, const struct merge_python *python,
                  const struct images *images, struct pystack_mixed_frame *ret_frames, struct pystack_mixed *ret);

#endif
