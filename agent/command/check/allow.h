/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_ALLOW_H
#define CHECK_ALLOW_H

/*
 * Functions that may grow for some time. A line is "YYYY-MM-DD FUNCTION": the last day (UTC) on which it is valid, and
 * the function as reports name it, "file.py:function". Leading folders may be left out. "#" at the beginning of a word
 * begins a comment.
 */

#include "reason.h"

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

/* Parses @text. 0, or CHECK_E_TOLD with the line and what is wrong with it in @reason. */
int allow_parse(const char *text, struct allow *ret, char reason[static ALLOW_REASON_SIZE]);
void allow_deinit(struct allow *allow); /* accepts {0} */

/* The day of @time (seconds since 1970), as 20261125. */
int allow_day(long long time);

/* Marks functions that are allowed to grow on day @today. */
void allow_apply(struct allow *allow, int today, struct compare_result *comparison);

#endif
