/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_STACKS_H
#define SAMPLE_STACKS_H

/*
 * From raw stacks to a profile's: a stack that was seen before costs one hash of
 * its code serials and positions, no string and no line table.
 */

#include "agent/profile/profile.h"
#include "pystack/pystack.h"

struct stacks_slot {
        uint64_t hash[2]; /* 128 bits: collisions are not of this world */
        profile_id id;    /* 0: free */
};

/* A frame that is known. */
struct stacks_frame {
        uint64_t key; /* serial of the code object, and position */
        profile_id id;
};

struct stacks {
        struct stacks_slot *slots;
        size_t mask; /* slots - 1 */
        size_t used;

        struct stacks_frame *last; /* the frames of the last stack that was added, outermost first */
        size_t n_last, cap_last;
};

void stacks_deinit(struct stacks *stacks);

/* The bytes that the cache takes. */
size_t stacks_bytes(const struct stacks *stacks);

/* Forgets all: the profile has been exchanged. */
void stacks_clear(struct stacks *stacks);

/* The id of @stack in @profile, added if new; 0 on failure. */
profile_id stacks_find(struct stacks *stacks, struct profile *profile, struct pystack *py,
                       const struct pystack_stack *stack);

/* The id of a stack that is no Python's, of one frame called @name. */
profile_id stacks_pseudo(struct profile *profile, const char *name);

/* The id of the stack of a thread called @name that runs no Python: "(native)" below its name. 0 on failure. */
profile_id stacks_native(struct profile *profile, const char *name);

#endif
