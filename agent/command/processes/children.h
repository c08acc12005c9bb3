/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_CHILDREN_H
#define PROCESSES_CHILDREN_H

/*
 * Children that are not recorded, but may do the work: the parent of a prefork server
 * only waits for them.
 */

#include "target.h"

struct child;

/* The machine's processes at one moment, with what CPU time each had used. */
struct children {
        struct child *items; /* ascending by PID */
        size_t n;
};

/* 0 or negative errno: then it is empty. */
int children_read(struct children *ret);
void children_deinit(struct children *children);

/* How many descendants of @choice's processes, themselves left out, have used CPU time between the two moments. */
size_t children_that_ran(const struct choice *choice, const struct children *before, const struct children *after);

#endif
