/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FIND_STAGE_H
#define TESTS_FIND_STAGE_H

/* Real processes, and a pystack that calls Python what the test says is: children who are named so. */

#include "agent/find/internal.h"

#include <stddef.h>
#include <unistd.h>

#define MAX_LOG 128

struct log {
        struct find_process born[MAX_LOG];
        void *py[MAX_LOG];
        struct {
                pid_t pid;
                uint64_t start_time;
        } ended[MAX_LOG];
        size_t n_born, n_ended;
};

/* What a test has seen, and what it says. */
struct find_stage {
        struct find *find;
        struct log seen;
        size_t n_opened, n_open;
        useconds_t open_us; /* that each opening takes */
        int starting;       /* what is said of "py-starting" */
};
extern struct find_stage stage;

extern const struct find_ops stage_by_name;
extern const struct find_events stage_events; /* they go into stage.seen */

void stage_set_up(void);
void stage_tear_down(void);

/* Whether a child of ours has that name, and has finished its exec. */
bool stage_has_name(pid_t pid, const char *name);
/* Gives the calling process the name @name: for child_start(). */
int stage_set_name(void *name);

/* A child with that name. */
pid_t stage_start(const char *name);

/* Scans once. So many processes are born, and have ended, since the beginning. */
void stage_scan(size_t n_born, size_t n_ended);

/* Looks whenever it is time to: on a crowded machine a process is soon no longer young, and looked at less often. */
void stage_scan_until_born(void);

#endif
