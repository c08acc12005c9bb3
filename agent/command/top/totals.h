/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_TOTALS_H
#define TOP_TOTALS_H

/*
 * The functions that have been seen so far, with what they took in the last interval
 * and since the beginning. Bounded: targets may have any number of names.
 */

#include "agent/profile/profile.h"

/* Functions told apart; what all others take is counted for TOTALS_OTHERS. */
#define TOTALS_MAX 16384
#define TOTALS_OTHERS "(other functions)"

/* What rows are sorted by, descending. */
enum totals_order {
        TOTALS_SELF, /* the last interval */
        TOTALS_TOTAL,
        TOTALS_SELF_TIME, /* since the beginning */
        TOTALS_TOTAL_TIME,
        TOTALS_ORDERS
};

struct totals_row {
        const char *name, *file;         /* the totals's, until it is reset */
        uint64_t figures[TOTALS_ORDERS]; /* nanoseconds */
};

struct totals;

struct totals *totals_new(void);         /* NULL: out of memory */
void totals_free(struct totals *totals); /* accepts NULL */

/* Forgets all functions. */
void totals_reset(struct totals *totals);

/* A new interval begins: what the last one held is part of the past. */
void totals_turn(struct totals *totals);

/* Counts what was sampled in this interval, of one process. 0 or negative errno. */
int totals_add(struct totals *totals, const struct profile *profile);

/* The first @max rows in that order, into @ret: how many there are. None if there is no memory for it. */
size_t totals_rows(const struct totals *totals, enum totals_order order, size_t max, struct totals_row *ret);

#endif
