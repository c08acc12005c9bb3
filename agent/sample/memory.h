/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_MEMORY_H
#define SAMPLE_MEMORY_H

/*
 * The memory that all targets of a sampler may take together: for code objects, stacks and profiles. A target leases
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
        _Atomic size_t leased;    /* bytes, by all targets */
        _Atomic size_t targets;   /* those that have been read */
        _Atomic uint64_t refused; /* leases that were too small, since the sampler was opened */
};

/* A target's part of the pool. */
struct memory {
        struct memory_pool *pool;
        bool takes_part;   /* the target has been read */
        size_t leased;     /* bytes */
        size_t room;       /* bytes that a sample needs: doubled when they were too few */
        uint64_t refusals; /* of pystack_bytes(), at the last look */
};

void memory_open(struct memory *memory, struct memory_pool *pool);
/* Gives everything back. */
void memory_close(struct memory *memory);

/* These expect target->lock to be held. */
/* Before a thread is read: leases the room that its stack may need, and bounds the code objects to it. */
void memory_prepare(struct target *target);
/* Before a stack is put into the profile, which may take @max bytes (0: no bound) and no more than is leased. */
void memory_bound_profile(struct target *target, size_t max);
/* After a sample, or when caches have been emptied: gives back what is not used. */
void memory_return(struct target *target);

#endif
