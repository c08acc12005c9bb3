/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_TABLES_H
#define TOP_TABLES_H

/* The tables between which the user chooses. All of them are counted all the time, so that each is there at once. */

#include "totals.h"

enum tables_kind {
        TABLES_FUNCTIONS,
        TABLES_LINES,
        TABLES_THREADS,
        TABLES_PROCESSES,
        TABLES_PROGRAMS,
        TABLES_CONTAINERS,
        TABLES_CALLERS, /* of the chosen function */
        TABLES_KINDS
};

/* What a row is: "function", "line", "thread", … */
const char *tables_row_name(enum tables_kind kind);

/* By a row's name, other than "caller". False: there is none of that name. */
bool tables_parse(const char *word, enum tables_kind *ret);

/* Whether rows are shares of the time of whole threads: then @figures have what ran, and all of it. */
bool tables_are_of_threads(enum tables_kind kind);

struct tables;

struct tables *tables_new(void);         /* NULL: out of memory */
void tables_free(struct tables *tables); /* accepts NULL */
void tables_reset(struct tables *tables);
const struct totals *tables_get(const struct tables *tables, enum tables_kind kind);

/* Begins a new interval, and counts its profiles. Takes over @set, which is empty afterwards. 0 or negative errno. */
int tables_turn(struct tables *tables, struct profile_set *set);

/*
 * Chooses a function, by what its row in the table @kind has, whose callers are counted from the last interval on. False:
 * rows of that table are no functions. 0 or negative errno in @ret.
 */
bool tables_choose(struct tables *tables, enum tables_kind kind, const struct totals_row *row, int *ret);
const char *tables_chosen(const struct tables *tables); /* its name */

#endif
