/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_SCAN_H
#define FIND_SCAN_H

/* What scan.c and reports.c share. */

#include "agent/find/internal.h"

struct visit {
        struct find *find;
        const struct find_events *events;
        uint64_t now;
        bool cut; /* the slice of time is over */
};

/* Adds an entry of which nothing is known but its PID. NULL if memory ran out. */
struct find_entry *scan_add_empty_entry(const struct visit *visit, pid_t pid);

/* Adds a process to the table. NULL if it has ended already, or memory ran out (then *@ret is -ENOMEM). */
struct find_entry *scan_add_entry(const struct visit *visit, pid_t pid, struct find_birth *ret_birth, int *ret);

void scan_tell_birth(const struct visit *visit, const struct find_birth *birth);

/* Takes what the kernel has reported since the last scan. 0 or -ENOMEM. */
int scan_listen(const struct visit *visit);

#endif
