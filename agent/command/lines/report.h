/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LINES_REPORT_H
#define LINES_REPORT_H

/* What `podflame lines` prints. */

#include "agent/profile/profile.h"

#include <stdio.h>

struct lines_report {
        const struct profile_lines *lines;
        const struct profile_set *set;
        uint64_t limit; /* lines of each file that are printed; 0: all */
        bool source;    /* a folder with source was given */
        bool chosen;    /* only some lines were asked for */
};

/* Whether shares have an interval: in mode blame samples are no independent looks. */
bool lines_have_intervals(const struct lines_report *report);

/*
 * Sorts the lines of each file, the hottest first, and forgets those beyond the limit. Returns the number of lines that
 * @file had.
 */
size_t lines_cut(const struct lines_report *report, struct profile_line_file *file);

/* Errors stay in ferror(@out). */
void lines_print_text(const struct lines_report *report, FILE *out);

void lines_print_json(const struct lines_report *report);

#endif
