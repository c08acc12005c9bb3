/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TRACE_H
#define PYSTACK_TRACE_H

/* Telling what was refused. Each place that refuses something calls this, and goes on with its error. */

#include "pystack.h"

/* Tells a refusal to @memory's trace, if it has one. @name is the target's own; it gets escaped; NULL: none. */
void trace_refusal(const struct pystack_memory *memory, const struct pystack_refusal *refusal, const char *name);

/* The same at the place of a refusal: returns @error. Nothing is made of the refusal unless somebody is told. */
#define REFUSE(memory, error, ...)                                                               \
        __extension__({                                                                          \
                if (__builtin_expect((memory)->trace.refused != NULL, 0))                        \
                        trace_refusal((memory), &(struct pystack_refusal){ __VA_ARGS__ }, NULL); \
                (error);                                                                         \
        })

/* The same if @error is not 0: that what lies at @addr could not be read is why something is refused. */
static inline int trace_unread(const struct pystack_memory *memory, int error, const char *field, uint64_t addr)
{
        return error == 0 ? 0
                          : REFUSE(memory, error, .field = field, .address = addr,
                                   .expected = "memory that can be read", .unreadable = true);
}

#endif
