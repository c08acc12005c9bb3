/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_TIMELINE_H
#define COLLECT_TIMELINE_H

/* Time on the horizontal axis: how much of each group falls into each step, and when there was nothing at all. */

#include "agent/collect/questions/grouping.h"

/* The most steps, and groups that are told apart. */
#define TIMELINE_STEPS_MAX 1000
#define TIMELINE_GROUPS_MAX 100

/* The most gaps, marks and rates that are told. */
#define TIMELINE_GAPS_MAX 500
#define TIMELINE_MARKS_MAX 500
#define TIMELINE_RATES_MAX 64

/* Slices of one agent follow each other within milliseconds; agents deliver every 10 s. A shorter pause is none. */
#define TIMELINE_GAP_NS (INT64_C(20) * 1000000000)

struct timeline_cell {
        double samples, ns;
};

struct timeline_gap {
        int64_t from_ns, to_ns;
};

struct timeline_rate {
        uint64_t period_ns, slices;
};

struct timeline {
        const struct asked *asked;
        struct grouping grouping;
        int64_t step_ns, start_ns; /* steps are whole multiples of their length */
        size_t steps;
        size_t shown;                /* groups with a row of their own; the others share the row after them */
        size_t *row_of;              /* by index in asked->series */
        struct timeline_cell *cells; /* shown + 1 rows */

        struct timeline_gap gaps[TIMELINE_GAPS_MAX];
        size_t gaps_n;
        bool covered;             /* there is something before the moment that is being looked at, which ends at */
        int64_t covered_until_ns; /* this moment */

        struct timeline_rate rates[TIMELINE_RATES_MAX]; /* of slices whose period is known; most slices first */
        size_t rates_n;
        uint64_t rated; /* slices with a period, those of further rates too */
};

/* The step that gives about 120 steps. */
int64_t timeline_choose_step_ns(const struct store_range *range);

/* The number of steps of a range. */
size_t timeline_steps(const struct store_range *range, int64_t step_ns);

/* Fills @ret. @limit: groups that are told apart. -ENOMEM, or an error of the store. */
int timeline_make(const struct asked *asked, enum label by, int64_t step_ns, size_t limit, struct timeline *ret);
void timeline_deinit(struct timeline *timeline);

#endif
