/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_ASKED_H
#define COLLECT_ASKED_H

/* What a question is about: the series that it selects, and what is known of them in its range without their samples. */

#include "agent/collect/labels.h"
#include "agent/collect/store.h"

struct collect_filter {
        enum label label;
        const char *value;
};

/* A selection. Filters of one label: any of them fits; of several: all of them have to. */
struct collect_selection {
        struct store_range range;
        const enum profile_mode *mode; /* NULL: the first of cpu, wall, gil and blame that the range has */
        const struct collect_filter *filters;
        size_t filters_n;
};

struct asked_sum {
        uint64_t slices, count, running_ns;
        uint64_t ns; /* of all samples; 0 if it was not asked for */
        struct store_books books;
        double weighted; /* the sum of period times accounted time */
};

struct asked_series {
        int64_t id;
        struct labels labels;
        int64_t first_seen_ns, last_seen_ns; /* of all that is stored of it */
        unsigned modes;                      /* bit n: it has slices of enum profile_mode n in the range */
        struct asked_sum by[PROFILE_MODES];
};

struct asked {
        struct store *store;
        struct store_range range;    /* its series are those of @series */
        struct asked_series *series; /* in ascending order of ids; also those without slices in the range */
        size_t n;
        int64_t *ids;
        unsigned modes; /* of all */
        enum profile_mode mode;
};

/*
 * Begins to read, and finds what is asked about. @times: also the time of all samples, which takes longer. -ENOENT if
 * there is no such series. After success the caller calls collect_asked_end().
 */
int collect_asked_begin(struct store *store, const struct collect_selection *selection, bool times, struct asked *ret);
void collect_asked_end(struct asked *asked);

/* Adds a sum to another. */
void collect_asked_add(struct asked_sum *to, const struct asked_sum *from);

/* The sum of all series, in the mode that is asked about. */
struct asked_sum collect_asked_sum(const struct asked *asked);

/* A number that changes when slices of the selection come or go, or a label of its series changes. */
uint64_t collect_asked_version(const struct asked *asked);

/* The series of an id, NULL if it is not selected. */
struct asked_series *collect_asked_find(const struct asked *asked, int64_t id);

#endif
