/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_CALLS_H
#define FORMAT_CALLS_H

#include "agent/profile/profile.h"

/*
 * Who called whom: of each function, and of each pair of function and caller, the samples and the time. A function that
 * calls itself counts once in a stack.
 */
struct call_sums {
        uint64_t self, count; /* samples with it as the leaf; with it anywhere */
        uint64_t self_ns, ns;
};

struct call {
        profile_id function, caller; /* caller 0: the function as a whole */
        struct call_sums sums;
};

/* Sorted by function: first the function as a whole, then its callers. */
struct calls {
        struct call *items;
        size_t n;
};

/* Of a profile whose times are all known. -ENOMEM, -ENOSPC. */
int calls_init(struct calls *calls, const struct profile *p);
void calls_deinit(struct calls *calls); /* accepts {0} */

#endif
