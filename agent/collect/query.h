/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_QUERY_H
#define COLLECT_QUERY_H

/* From the store back to profiles. */

#include "agent/collect/json.h"
#include "agent/collect/store.h"

/* The function that stands for stacks that were cut off. */
#define COLLECT_REST "(other stacks)"

struct collect_query {
        struct store_range range;
        const enum profile_mode *mode; /* NULL: cpu, wall or gil, the first that there is */
        bool apart;                    /* a profile for each series; else one of all */
        size_t stacks_max;             /* rarer ones than so many become COLLECT_REST; 0: all are told apart */
};

/*
 * Adds up all slices of the range. @ret is to be deinitialised with profile_set_deinit().
 * -ENOENT: no such series. Nothing in the range is no error: a set without samples.
 */
int collect_query(struct store *store, const struct collect_query *query, struct profile_set *ret,
                  struct collect_meta *ret_meta);

#endif
