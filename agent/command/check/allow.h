/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_ALLOW_H
#define CHECK_ALLOW_H

/*
 * Functions that may grow for a while. A line is "YYYY-MM-DD FUNCTION": the last day
 * (UTC) on which it counts, and the function as reports name it, "file.py:function",
 * where leading folders may be left out. "#" at the beginning of a word begins a
 * comment.
 */

#include "agent/compare/compare.h"

#include <stddef.h>

#define ALLOW_REASON_SIZE 256

struct allowance {
        char *function;
        int last_day; /* as 20261231 */
        bool used;    /* a function of the comparison has this name */
};

struct allow {
        struct allowance *items;
        size_t n;
};

/* Parses @text. 0, or -1 with @reason: the line and what is wrong with it. */
int allow_parse(const char *text, struct allow *ret, char reason[static ALLOW_REASON_SIZE]);
void allow_deinit(struct allow *allow); /* accepts {0} */

/* The day of @time (seconds since 1970), as 20261125. */
int allow_day(long long time);

/* Marks what is allowed on day @today. */
void allow_apply(struct allow *allow, int today, struct compare_result *comparison);

#endif
