/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_PROFILE_FILES_H
#define CHECK_PROFILE_FILES_H

/* Profile files as one side of a comparison: all are opened before the first is read, which takes no privilege then. */

#include "agent/profile/profile.h"

#include <stddef.h>

#define LOAD_REASON_SIZE 512

struct side {
        struct side_file {
                char *name;
                int fd; /* -1: read */
        } * files;
        size_t n_files;
        struct profile_set profiles;      /* all of the files; those of a run are several if it had several processes */
        struct profile_set runs;          /* one for each run */
        size_t *run_of;                   /* by profile */
        struct profile_counters counters; /* of all */
};

/* Opens profile files. 0; or -1 with @reason: the file and why not. */
int side_open(struct side *side, const char *const *files, size_t n, char reason[static LOAD_REASON_SIZE]);

/*
 * Reads what is open and adds its runs to @side: podflame.run tells the runs of a file
 * apart; without it a file is one run. 0; or -1 with @reason: the file and what is wrong
 * with it.
 */
int side_load(struct side *side, char reason[static LOAD_REASON_SIZE]);

/* Of the first run; all of it 0 if there is none. */
struct profile_settings side_settings(const struct side *side);

/*
 * Why @side's coverage is too low to be believed: "new.json: run 2 of 5: coverage 61.2 %: of …", of its first such run.
 * False if there is no such run.
 */
bool side_coverage_is_low(const struct side *side, const char *name, char reason[static LOAD_REASON_SIZE]);

void side_deinit(struct side *side); /* accepts {0} */

#endif
