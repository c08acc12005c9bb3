/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

/*
 * The output of `top` as lines of text: two lines about the whole, a line with the columns' names, and a line for each
 * function.
 */

#include "totals.h"

#include "agent/command/processes/target.h"

#include <stdio.h>

#define VIEW_HEAD_LINES 3 /* the last of these has the columns' names */
#define VIEW_ROWS_MAX 256 /* more than a screen has */

struct view {
        char subject[TARGET_SUBJECT_SIZE]; /* the processes that are shown */
        const char *engine;                /* as sampler_describe() names it */
        const struct totals *totals;
        enum totals_order order;
        size_t processes;
        uint64_t interval_ns; /* length of the last interval: its figures are shares of it */
        uint64_t elapsed_ns;
        uint64_t running_ns;              /* time that all threads together ran in the last interval */
        struct profile_counters counters; /* since the beginning */
        uint64_t period_ns;               /* time between two samples */
        bool paused;                      /* the user has stopped the display */
};

/* Writes the view, with at most @rows functions. */
void view_write(const struct view *view, size_t rows, FILE *out);

#endif
