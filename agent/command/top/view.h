/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

/* What `top` shows, as lines of text: two about the whole, the columns' names, a line for each function. */

#include "totals.h"

#include <stdio.h>

#define VIEW_HEAD_LINES 3 /* the last of these has the columns' names */
#define VIEW_ROWS_MAX 256 /* more than a screen has */

struct view {
        char subject[768];  /* whom it is about */
        const char *engine; /* of sampler_describe() */
        const struct totals *totals;
        enum totals_order order;
        size_t processes;
        uint64_t interval_ns; /* what the last interval's figures are shares of */
        uint64_t elapsed_ns;
        uint64_t running_ns;              /* of the last interval: what threads ran, all taken together */
        struct profile_counters counters; /* since the beginning */
        uint64_t period_ns;               /* of the samples */
        bool held;                        /* it stands still at the user's wish */
};

/* Writes it with at most @rows functions. */
void view_write(const struct view *view, size_t rows, FILE *out);

#endif
