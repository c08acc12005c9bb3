/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_QUERY_H
#define COLLECT_QUERY_H

/* From the store back to profiles. */

#include "agent/collect/asked.h"
#include "agent/collect/json.h"
#include "agent/collect/store.h"

/* The name of the function that stands for stacks that were cut off. */
#define COLLECT_REST "(other stacks)"

/* The answer is one that the client knows. */
#define COLLECT_KNOWN 1

struct collect_query {
        struct collect_selection selection;
        bool apart;        /* a profile for each series; otherwise one of all */
        unsigned runs;     /* a profile for each of so many equal parts of the range, in place of one; 0: one */
        size_t stacks_max; /* only this many stacks stay, the rarer ones become COLLECT_REST; 0: all stay */
        /* The answer's version is of what is stored, and of this number, which stands for the question. */
        uint64_t salt;
        const char *known; /* versions that the client knows, in quotes, as If-None-Match has them; NULL: none */
};

/*
 * Adds up all slices of the range. COLLECT_KNOWN: the client knows the answer; @ret_meta has only its tag. The caller deinitialises @ret with profile_set_deinit(). -ENOENT if there is no such
 * series. An empty range is no error: it gives a set without samples.
 */
int collect_query(struct store *store, const struct collect_query *query, struct profile_set *ret,
                  struct collect_meta *ret_meta);

#endif
