/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

/*
 * The output of `top` as lines of text: two or three lines about the whole, a line with the columns' names, and a line
 * for each row of the table.
 */

#include "tables.h"
#include "waits.h"

#include "agent/command/processes/target.h"

#include <stdio.h>

#define VIEW_ROWS_MAX 256 /* more than a screen has */
#define VIEW_FILTER_SIZE 64

struct view {
        char subject[TARGET_SUBJECT_SIZE]; /* the processes that are shown */
        const char *engine;                /* as sampler_describe() names it */
        const struct tables *tables;
        enum tables_kind kind; /* the table that is shown */
        enum totals_order order;
        size_t processes;
        uint64_t interval_ns; /* length of the last interval: its figures are shares of it */
        uint64_t elapsed_ns;
        uint64_t running_ns;              /* time that all threads together ran in the last interval */
        struct profile_counters counters; /* since the beginning */
        struct waits waits;               /* of the last interval */
        uint64_t period_ns;               /* time between two samples */
        bool paused;                      /* the user has stopped the display */

        /* Of a screen. Plain tables have width 0. */
        size_t width;                  /* columns; where they are few, fewer figures are shown */
        char filter[VIEW_FILTER_SIZE]; /* only rows with this are shown */
        /* the row at which the user is; "" and "": none */
        char chosen_name[TOTALS_TEXT_SIZE], chosen_file[TOTALS_TEXT_SIZE];
};

/* Number of lines before the rows. The last of them has the columns' names. */
size_t view_head_lines(const struct view *view);

/*
 * Writes the view, with at most @rows rows, such that the chosen one is among them. Returns its number among those
 * written, from 0; SIZE_MAX: none.
 */
size_t view_write(const struct view *view, size_t rows, FILE *out);

/* The rows of the table in their order. Returns their number, at most VIEW_ROWS_MAX. */
size_t view_rows(const struct view *view, struct totals_row ret[static VIEW_ROWS_MAX]);

/* The index of the chosen row among @n rows. SIZE_MAX: it is not there, or none is chosen. */
size_t view_find_chosen(const struct view *view, const struct totals_row *rows, size_t n);

#endif
