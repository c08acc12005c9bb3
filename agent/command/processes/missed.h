/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_MISSED_H
#define PROCESSES_MISSED_H

/* Processes that were to be profiled and gave no profile, to be named in the end, each with the reason. */

#include "agent/find/find.h"

struct missed {
        pid_t pid;
        uint64_t start_time;
        char program[FIND_NAME_SIZE]; /* its command line */
        char why[768];
        bool asked;  /* named by the user, not somebody's child */
        bool parent; /* it is no Python itself: its children were meant */
        bool said;   /* already */
};

struct missed_list {
        struct missed *items;
        size_t n;
};

/* Adds a copy; one of the same process is replaced. Out of memory, nothing is added. */
void missed_add(struct missed_list *list, const struct missed *missed);

/* The process has given a profile after all. */
void missed_remove(struct missed_list *list, pid_t pid, uint64_t start_time);

/*
 * A line for each. @profiled: there are profiles, so that the parents of those have had what they were named for.
 * @quiet: only of those that were asked for. Returns how many of these there were.
 */
size_t missed_say(struct missed_list *list, bool profiled, bool quiet);

void missed_deinit(struct missed_list *list);

#endif
