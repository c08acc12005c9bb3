/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GIL_REPORT_H
#define GIL_REPORT_H

/* What `podflame gil` prints or draws: a head, a table of functions and a table of threads; or the same as JSON. */

#include "blame.h"

#include <stdio.h>

#define REPORT_ROWS_MAX 1000

struct report {
        const char *subject;
        const char *engine; /* as sampler_describe() names it */
        const struct blame *blame;
        uint64_t elapsed_ns;
        size_t rows;      /* of each table at most, up to REPORT_ROWS_MAX */
        uint64_t turn_ns; /* the length of the blame's present turn, which is shown apart; 0: all is one turn */
        bool paused;      /* the user has stopped the display */
};

/* The tables have titles. */
#define REPORT_TITLES 2

/*
 * Writes at most @lines lines. @titles: the numbers of the lines that are titles, from 0; those of tables that are left
 * out stay as they are.
 */
void report_write(const struct report *report, size_t lines, FILE *out, size_t titles[static REPORT_TITLES]);

/* Prints it as JSON. */
void report_print_json(const struct report *report);

#endif
