/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_BASELINE_H
#define CHECK_BASELINE_H

/*
 * Good profiles by branch: DIR/BRANCH/00000042.otlp.json.gz, numbered in the order of adding. A branch's name becomes a
 * folder's name that no other branch has and that leads nowhere else: every character but letters, digits, "-", "_" and
 * "." becomes %XX, and so does a dot at its beginning.
 */

#include "reason.h"

#include "agent/profile/profile.h"

#define BASELINE_REASON_SIZE 512

struct baseline {
        char **files; /* oldest first */
        size_t n;
};

/* Makes the folder's name for a branch. False if it is empty or too long. */
#define BASELINE_NAME_SIZE 201
bool baseline_name(const char *branch, char ret[static BASELINE_NAME_SIZE]);

/* Lists the newest @max profiles of @branch. 0, also if there are none; CHECK_E_TOLD with @reason. */
int baseline_list(const char *dir, const char *branch, size_t max, struct baseline *ret,
                  char reason[static BASELINE_REASON_SIZE]);
void baseline_deinit(struct baseline *baseline); /* accepts {0} */

/*
 * Writes the profiles of @set as the content of one file to @fd, which is not consumed. @run_of[i] is the run of
 * profile i. 0 or negative errno.
 */
int baseline_pack(const struct profile_set *set, const size_t *run_of, int fd);

/*
 * Adds a file with the content of @fd, which is not consumed, whole or not at all. Removes all but the newest @keep
 * files. Makes the folders if needed. 0, or CHECK_E_TOLD with @reason.
 */
int baseline_add(const char *dir, const char *branch, int fd, size_t keep, char reason[static BASELINE_REASON_SIZE]);

#endif
