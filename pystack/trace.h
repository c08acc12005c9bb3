/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TRACE_H
#define PYSTACK_TRACE_H

/* Telling what was refused. Each place that refuses something calls this, and goes on with its error. */

#include "pystack.h"

/* Tells a refusal to @memory's trace, if it has one. @name is the target's own; it gets escaped; NULL: none. */
void trace_refusal(const struct pystack_memory *memory, const struct pystack_refusal *refusal, const char *name);

/* The same for a refusal whose members are the arguments. Nothing is made of them unless somebody is told. */
#define TRACE(memory, ...)                                                                 \
        (__builtin_expect((memory)->trace.refused != NULL, 0)                              \
                 ? trace_refusal((memory), &(struct pystack_refusal){ __VA_ARGS__ }, NULL) \
                 : (void)0)

/* The same, for a place that refuses with @error, which is its value. */
#define REFUSE(memory, error, ...) (TRACE(memory, __VA_ARGS__), (error))

/* The same if @error is not 0: that what lies at @addr could not be read is why something is refused. */
static inline int trace_unread(const struct pystack_memory *memory, int error, const char *field, uint64_t addr)
{
        return error == 0 ? 0
                          : REFUSE(memory, error, .field = field, .address = addr,
                                   .expected = "memory that can be read", .unreadable = true);
}

#endif
