/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_TOTALS_H
#define TOP_TOTALS_H

/*
 * The rows of a table: functions, or other things that take time, with their times in the last interval and since the
 * beginning. Their number is bounded, since targets may have any number of names.
 */

#include "agent/profile/profile.h"

/* The most rows that are told apart. The times of all others go to TOTALS_OTHERS. */
#define TOTALS_MAX 16384
#define TOTALS_OTHERS "(other functions)"

/* At most this much of a name or a path is kept: more than a screen has room for. */
#define TOTALS_TEXT_SIZE 512

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

/* Counts the functions of a process in this interval. 0 or negative errno. */
int totals_add(struct totals *totals, const struct profile *profile);

/*
 * Finds or makes a row. If there is no room, it is that of TOTALS_OTHERS. NULL if memory ran out. It is valid until
 * the totals are reset.
 */
struct totals_entry;
struct totals_entry *totals_get(struct totals *totals, const char *name, const char *file);

/* Whether the row of a function of that name and file has this name and file. */
bool totals_is_row(const char *row_name, const char *row_file, const char *name, const char *file);

/*
 * Counts @self_ns and @total_ns for a row. The total of one sample counts once, however often it is counted for: a
 * sample begins by totals_begin_sample().
 */
void totals_begin_sample(struct totals *totals);
void totals_count(const struct totals *totals, struct totals_entry *entry, uint64_t self_ns, uint64_t total_ns);

/*
 * Writes the first @max rows in that order to @ret: those whose name or file has @filter in it, in whatever case ("":
 * all). Returns their number; 0 if memory ran out.
 */
size_t totals_rows(const struct totals *totals, enum totals_order order, const char *filter, size_t max,
                   struct totals_row *ret);

#endif
