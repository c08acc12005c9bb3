/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_MEMORY_H
#define SAMPLE_MEMORY_H

/*
 * The memory that all targets of a sampler may take together: for code objects, stacks, profiles and names of threads. A target leases
 * bytes of a common pool before it allocates them. So the bound holds at every moment, however fast targets grow and
 * however many there are.
 *
 * Three quarters of the pool go to the targets that come first. The last quarter is divided among all targets: each
 * target may have an equal part of that quarter, whatever the others take. A target that does not get the room that it
 * needs, and has more than an equal part of the whole pool, empties its caches.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;

struct memory_pool {
        _Atomic size_t max;       /* bytes; 0: no bound */
        _Atomic size_t leased;    /* the bytes that all targets have leased */
        _Atomic size_t targets;   /* the number of targets that have been read */
        _Atomic uint64_t refused; /* the number of leases that were too small, since the sampler was opened */
};

/* A target's part of the pool. */
struct memory {
        struct memory_pool *pool;
        bool takes_part;   /* the target has been read */
        size_t leased;     /* the bytes that the target has leased */
        size_t room;       /* the bytes that a sample may need: doubled when they were too few */
        uint64_t refusals; /* pystack_bytes()'s refusals, at the last look */
};

void memory_open(struct memory *memory, struct memory_pool *pool);
/* Gives all leased bytes back. */
void memory_close(struct memory *memory);

/* target->lock must be held for the functions from here on. */
/* To be called before a thread is read. Leases the room that its stack may need, and bounds the code objects to it. */
void memory_prepare(struct target *target);
/* To be called before a stack is put into the profile. Bounds the profile to the lease, and to @max bytes unless 0. */
void memory_bound_profile(struct target *target, size_t max);
/* Whether @bytes more fit in the lease. */
bool memory_has_room(const struct target *target, size_t bytes);
/* To be called after a sample, or when caches have been emptied. Gives back the leased bytes that are not used. */
void memory_return(struct target *target);

#endif
