/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_PAIRED_H
#define COMPARE_PAIRED_H

/* The stacks of two sides in one profile, and how often each function was in them, run by run. */

#include "compare.h"

struct paired {
        struct profile *stacks;
        struct compare_scoped scope;
        uint64_t (*counts)[COMPARE_SIDES]; /* judged samples by stack id */
        size_t runs[COMPARE_SIDES];
        uint64_t *samples; /* judged samples by run: the base's runs first, then the new side's */
        uint64_t *hits;    /* see paired_hits() */
        double *seconds;   /* time that the judged samples stand for, by run */
};

/* Pairs what @asked has in its scope. If a glob matches nothing, or a start is missing, @ret has no samples. */
int paired_make(const struct profile_set sides[static COMPARE_SIDES], const struct compare_scope *asked,
                struct paired *ret);
void paired_deinit(struct paired *paired); /* accepts {0} */

/* A run's counts by stack id. There is one for each stack that was known when the run was added. */
struct run_counts {
        uint64_t *counts;
        size_t n;
        enum compare_side side;
};

/* The hits of a function by run, in the order of @samples. */
static inline uint64_t *paired_hits(const struct paired *paired, profile_id function, enum compare_measure measure)
{
        size_t runs = paired->runs[COMPARE_BASE] + paired->runs[COMPARE_NEW];

        return paired->hits + ((size_t)(function - 1) * COMPARE_MEASURES + measure) * runs;
}

#endif
