/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_CHILDREN_H
#define PROCESSES_CHILDREN_H

/*
 * Descendants that are not recorded, but may do the work: the parent of a prefork server only waits for its children.
 */

#include "target.h"

struct child;

/* The machine's processes at one moment, with the CPU time that each had used. */
struct children {
        struct child *items; /* ascending by PID */
        size_t n;
};

/* 0 or negative errno. After an error @ret is empty. */
int children_read(struct children *ret);
void children_deinit(struct children *children);

/*
 * Counts descendants of @choice's processes that have used CPU time between the two moments. The processes of @choice
 * are not counted.
 */
size_t children_that_ran(const struct choice *choice, const struct children *before, const struct children *after);

#endif
