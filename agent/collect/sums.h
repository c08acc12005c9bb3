/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_SUMS_H
#define COLLECT_SUMS_H

/* Samples of many slices, added up by stack, in one part or in several. */

#include "agent/collect/pack.h"
#include "agent/collect/store.h"

/* If memory runs out, the item that was to be added gets a mark. */
#define uthash_nonfatal_oom(item) ((item)->lost = true)
#include <uthash.h>

struct sum {
        uint64_t key; /* stack id and state, see sum_stack() and sum_state(); 0: none */
        uint64_t count, ns;
};

static inline int64_t sum_stack(const struct sum *sum)
{
        return (int64_t)(sum->key >> 1);
}

static inline enum profile_state sum_state(const struct sum *sum)
{
        return sum->key & 1 ? PROFILE_IDLE : PROFILE_RUNNING;
}

struct part {
        int64_t id;       /* the caller's */
        struct sum *sums; /* a hash table: @size places, a power of 2, of which those with a key are taken */
        size_t n, size;
        bool lost;
        UT_hash_handle hh;
};

struct sums {
        struct part *parts;
        struct part *last; /* the part that was used last: slices of one series often follow each other */
        size_t n;          /* number of sums in all parts */
};

/* Adds a slice to a part. -ENOMEM. */
int collect_sums_add(struct sums *sums, const struct store_slice *slice, int64_t part);

/* Sorts the sums of a part by key, those with one first: it holds @n of them, and nothing can be added any more. */
void collect_sums_sort(struct part *part);

/*
 * Packs a part as a slice has its samples, sorts it, and adds up its time. Nothing if there is no such part. -ENOMEM.
 */
int collect_sums_pack(struct sums *sums, int64_t part, struct pack *ret, uint64_t *ret_ns);

/*
 * Finds the smallest count with which sums are kept, if at most @max are kept. If several sums have the same count, all
 * of them stay or all go. 0 if there are no more than @max. -ENOMEM.
 */
int collect_sums_threshold(const struct sums *sums, size_t max, uint64_t *ret);

void collect_sums_deinit(struct sums *sums);

#endif
