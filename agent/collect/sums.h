/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_SUMS_H
#define COLLECT_SUMS_H

/* Samples of many slices, added up by stack: one part for each series, or one for all. */

#include "agent/collect/store.h"

/* When memory runs out, what was to be added says so. */
#define uthash_nonfatal_oom(item) ((item)->lost = true)
#include <uthash.h>

struct sum {
        uint64_t key; /* stack id and state: sum_stack(), sum_state() */
        uint64_t count, ns;
        bool lost;
        UT_hash_handle hh;
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
        int64_t series; /* 0: all */
        struct sum *sums;
        bool lost;
        UT_hash_handle hh;
};

struct sums {
        struct part *parts;
        struct part *last; /* slices of one series often follow each other */
        bool apart;        /* a part for each series */
        uint64_t slices;
        size_t n; /* sums of all parts */
};

/* -ENOMEM */
int collect_sums_add(struct sums *sums, const struct store_slice *slice);

/*
 * The count from which on sums are kept if at most @max are to be; of equals, all
 * go. 0: there are no more than @max. -ENOMEM.
 */
int collect_sums_threshold(const struct sums *sums, size_t max, uint64_t *ret);

void collect_sums_deinit(struct sums *sums);

#endif
