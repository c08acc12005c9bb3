/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_PROFILE_FILES_H
#define CHECK_PROFILE_FILES_H

/*
 * Profile files as one side of a comparison. All are opened before the first is read, so that reading needs no
 * privilege.
 */

#include "reason.h"

#include "agent/profile/profile.h"

#include <stddef.h>

#define LOAD_REASON_SIZE 512

struct side {
        struct side_file {
                char *name;
                int fd; /* -1: read */
        } * files;
        size_t n_files;
        struct profile_set profiles;      /* all profiles of the files; a run of several processes has several */
        struct profile_set runs;          /* one for each run */
        size_t *run_of;                   /* index of the run of each profile */
        struct profile_counters counters; /* sums over all profiles */
};

/* Opens profile files. 0, or CHECK_E_TOLD with the file and the reason in @reason. */
int side_open(struct side *side, const char *const *files, size_t n, char reason[static LOAD_REASON_SIZE]);

/*
 * Reads the open files, and adds their runs to @side. The attribute podflame.run separates the runs of a file. Without
 * it a file is one run. 0, or CHECK_E_TOLD with the file and what is wrong with it in @reason.
 */
int side_load(struct side *side, char reason[static LOAD_REASON_SIZE]);

/* The settings of the first run; all 0 if there is none. */
struct profile_settings side_settings(const struct side *side);

/*
 * Finds the first run of @side with a coverage that is too low. @reason says why: "new.json: run 2 of 5: coverage 61.2
 * %: of …". False if there is no such run.
 */
bool side_coverage_is_low(const struct side *side, const char *name, char reason[static LOAD_REASON_SIZE]);

/* Removes the runs of @side with a coverage that is too low, and returns their number. @side keeps their profiles. */
size_t side_drop_low_coverage(struct side *side);

void side_deinit(struct side *side); /* accepts {0} */

#endif
