/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_GROUPING_H
#define COLLECT_GROUPING_H

/* Series that have samples in the range, put together by the value of a label. */

#include "agent/collect/asked.h"

struct group {
        const char *value;                  /* of the label; borrowed from the series */
        struct asked_series *const *series; /* those of one instance stand side by side */
        size_t n;
        struct asked_sum sum; /* in the mode that is asked about */
        int64_t first_seen_ns, last_seen_ns;
        size_t instances; /* containers; a series without one counts as one */
};

struct grouping {
        struct group *groups; /* the one with most time first */
        size_t n;
        struct asked_series **series;
};

/* Groups what @asked has found, which has to outlive @ret. -ENOMEM. */
int grouping_make(const struct asked *asked, enum label by, struct grouping *ret);
void grouping_deinit(struct grouping *grouping);

/*
 * Calls @each for the instances of a group that were first seen in the range, at most @max, the group's series in their
 * order. That is when something started, or when the collector first heard of it.
 */
void grouping_each_start(const struct asked *asked, const struct group *group, size_t max,
                         void (*each)(void *ctx, const struct group *group, int64_t at_ns), void *ctx);

#endif
