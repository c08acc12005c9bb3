/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GIL_REPORT_H
#define GIL_REPORT_H

/* What `podflame gil` prints: a head, a table of functions and a table of threads; or the same as JSON. */

#include "blame.h"

#include <stdio.h>

#define REPORT_ROWS_MAX 1000

struct report {
        const char *subject;
        const char *engine; /* as sampler_describe() names it */
        const struct blame *blame;
        uint64_t elapsed_ns;
        size_t rows; /* of each table at most, up to REPORT_ROWS_MAX */
};

void report_write(const struct report *report, FILE *out);

/* Prints it as JSON. */
void report_print_json(const struct report *report);

#endif
