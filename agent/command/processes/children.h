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

/* Lists the descendants of @choice's processes, ascending by PID. @ret is allocated. 0 or negative errno. */
int children_list(const struct choice *choice, pid_t **ret, size_t *ret_n);

/* CPU time between two moments, in clock ticks, as the kernel accounts it. */
struct children_time {
        uint64_t own_ticks;   /* of the processes of the choice */
        size_t n;             /* how many of their living descendants ran */
        uint64_t ticks;       /* of these */
        uint64_t ended_ticks; /* of those that have ended and were waited for: at least this much */
};
struct children_time children_time(const struct choice *choice, const struct children *before,
                                   const struct children *after);

#endif
