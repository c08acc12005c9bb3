/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_TOTALS_H
#define TOP_TOTALS_H

/*
 * The functions seen so far, with their times in the last interval and since the beginning. Their number is bounded,
 * since targets may have any number of names.
 */

#include "agent/profile/profile.h"

/* The most functions that are told apart. The times of all others go to TOTALS_OTHERS. */
#define TOTALS_MAX 16384
#define TOTALS_OTHERS "(other functions)"

/* Longer reasons are cut. */
#define TOTALS_WAITS_SIZE 64

/* The order of rows, descending. */
enum totals_order {
        TOTALS_SELF, /* the last interval */
        TOTALS_TOTAL,
        TOTALS_SELF_TIME, /* since the beginning */
        TOTALS_TOTAL_TIME,
        TOTALS_ORDERS
};

struct totals_row {
        const char *name, *file;         /* owned by the totals, until they are reset */
        uint64_t figures[TOTALS_ORDERS]; /* nanoseconds */
        /* The reason for which it has waited most in the last interval, "[waits: GIL]", and for how long. "": none. */
        char waits[TOTALS_WAITS_SIZE];
        uint64_t waits_ns;
};

struct totals;

struct totals *totals_new(void);         /* NULL: out of memory */
void totals_free(struct totals *totals); /* accepts NULL */

/* Forgets all functions. */
void totals_reset(struct totals *totals);

/* Begins a new interval. */
void totals_turn(struct totals *totals);

/* Counts the samples of a process in this interval. 0 or negative errno. */
int totals_add(struct totals *totals, const struct profile *profile);

/* Writes the first @max rows in that order to @ret. Returns their number; 0 if memory ran out. */
size_t totals_rows(const struct totals *totals, enum totals_order order, size_t max, struct totals_row *ret);

#endif
