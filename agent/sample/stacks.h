/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_STACKS_H
#define SAMPLE_STACKS_H

/*
 * From raw stacks to a profile's: a stack that was seen before costs one hash of
 * its code serials and positions, no string and no line table.
 */

#include "backlog.h"

struct stacks_slot {
        uint64_t hash[2]; /* 128 bits: collisions are not of this world */
        profile_id id;    /* 0: free */
};

struct stacks {
        struct stacks_slot *slots;
        size_t mask; /* slots - 1 */
        size_t used;

        struct backlog backlog; /* stacks whose names and lines are to be decoded */
        size_t lent;            /* bytes of those that are being decoded */
};

void stacks_deinit(struct stacks *stacks);

/* Empties what is only a cache. */
void stacks_trim(struct stacks *stacks);

/* Gives each stack that is known the id that its own is linked with in @profile, whose reserved ids end then. */
void stacks_renumber(struct stacks *stacks, const struct profile *profile);

/* The bytes that it takes. */
size_t stacks_bytes(const struct stacks *stacks);

/* Forgets all: the profile has been exchanged. */
void stacks_clear(struct stacks *stacks);

/*
 * The id by which @stack, of @py, is counted in @profile. If it is new, that is a reserved one, and it goes to the
 * backlog; if that is full, and the stack is decoded soon, it is decoded at once. Errors as of backlog_add(); @ret is 0
 * then.
 */
int stacks_find(struct stacks *stacks, struct profile *profile, struct pystack *py, const struct pystack_stack *stack,
                profile_id *ret);

/* The id of a frame that is no Python's, called @name. 0 on failure. */
profile_id stacks_pseudo_frame(struct profile *profile, const char *name);

/* The id of a stack that is no Python's, of one frame called @name. */
profile_id stacks_pseudo(struct profile *profile, const char *name);

/* The id of the stack of a thread called @name that runs no Python: "(native)" below its name. 0 on failure. */
profile_id stacks_native(struct profile *profile, const char *name);

#endif
