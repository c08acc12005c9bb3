/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_MISSED_H
#define PROCESSES_MISSED_H

/* Processes that were to be profiled and gave no profile. They are named at the end, each with the reason. */

#include "agent/find/find.h"

struct missed {
        pid_t pid;
        uint64_t start_time;
        char program[FIND_NAME_SIZE]; /* its command line */
        char why[768];                /* the reason */
        bool asked;                   /* named by -p, or the command */
        bool parent;                  /* it is not Python itself: its children were meant */
        bool said;                    /* a message has named it already */
};

struct missed_list {
        struct missed *items;
        size_t n;
};

/* Adds a copy of @missed. It replaces an entry of the same process. Without memory, nothing is added. */
void missed_add(struct missed_list *list, const struct missed *missed);

/* Removes the entry of a process that has given a profile after all. */
void missed_remove(struct missed_list *list, pid_t pid, uint64_t start_time);

/*
 * Prints a line for each entry that was not printed yet. @profiled: there are profiles; then parents are left out,
 * since their children were profiled. @quiet: prints only entries that are @asked. Returns the number of those.
 */
size_t missed_say(struct missed_list *list, bool profiled, bool quiet);

void missed_deinit(struct missed_list *list);

#endif
