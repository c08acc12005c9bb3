/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_UNWIND_H
#define PYSTACK_UNWIND_H

/* From registers and a stack to the frames of C code. */

#include "rules.h"

/* Bytes of a C stack that are read at most. 1000 nested calls of Python through C take half of it. */
#define NATIVE_STACK_MAX ((size_t)1 << 20)

/*
 * Words of one stack that unwind_has_word() looks at. Frames that do not overlap are looked at twice. A signal may have a
 * stack of its own, so a forged table can make frames overlap.
 */
#define NATIVE_SEARCH_MAX (2 * NATIVE_STACK_MAX / sizeof(uint64_t))

struct native_frame {
        uint64_t pc; /* of a caller: within its call */
        struct elfsym_registers registers;
        uint32_t image;
        bool loop;       /* its code is that of the evaluation loop */
        bool maybe_loop; /* the loop was called here; by now it may be a function in its place */
        bool ahead;      /* see struct rule */
};

/* The part of a stack that was read. */
struct native_stack {
        const struct pystack *py;
        uint64_t begin;
        const uint8_t *bytes; /* the first @len of it, read together with the Python stack */
        size_t len;
        uint8_t *more; /* the next @more_len of it, read afterwards; owned: NATIVE_STACK_MAX, or NULL */
        size_t more_len;
        bool ended;      /* what follows cannot be read */
        size_t searched; /* words that unwind_has_word() has looked at */
};

struct unwound {
        struct native_frame *frames; /* leaf first */
        size_t n;
        enum pystack_unmerged reason; /* PYSTACK_MERGED: it was followed to its end */
        uint64_t top;                 /* where the outermost frame ends: sp of its caller; its own sp if it has none */
};

/* Whether one of the 8-byte words from @begin up to @end of the stack is @value. False after NATIVE_SEARCH_MAX words. */
bool unwind_has_word(struct native_stack *stack, uint64_t begin, uint64_t end, uint64_t value);

/* Follows the frames from @registers on. @ret has room for PYSTACK_NATIVE_MAX frames. */
void unwind_stack(struct rules *rules, const struct images *images, struct native_stack *stack,
                  const struct elfsym_registers *registers, struct unwound *ret);

#endif
