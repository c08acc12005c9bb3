/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_BASELINE_H
#define CHECK_BASELINE_H

/*
 * Good profiles by branch: DIR/BRANCH/00000042.otlp.json.gz, numbered as they came. A
 * branch's name is made one that can be no other's and leads nowhere: all but letters,
 * digits, "-", "_" and "." becomes %XX, and so does a dot at its beginning.
 */

#include "agent/profile/profile.h"

#define BASELINE_REASON_SIZE 512

struct baseline {
        char **files; /* oldest first */
        size_t n;
};

/* The folder's name for a branch: false if it is empty or too long. */
#define BASELINE_NAME_SIZE 201
bool baseline_name(const char *branch, char ret[static BASELINE_NAME_SIZE]);

/*
 * Lists the newest @max profiles of @branch. 0, also if there are none; -1 with @reason.
 */
int baseline_list(const char *dir, const char *branch, size_t max, struct baseline *ret,
                  char reason[static BASELINE_REASON_SIZE]);
void baseline_deinit(struct baseline *baseline); /* accepts {0} */

/*
 * Writes the profiles of @set, which has run @run_of[i] for profile i, to @fd, which is not consumed, as the content of
 * one file. 0 or negative errno.
 */
int baseline_pack(const struct profile_set *set, const size_t *run_of, int fd);

/*
 * Adds a file that has the content of @fd, which is not consumed, whole or not at all,
 * and removes all but the newest @keep. The folders are made if need be. 0, or
 * BASELINE_E_TOLD with @reason.
 */
enum { BASELINE_E_TOLD = 1 };
int baseline_add(const char *dir, const char *branch, int fd, size_t keep, char reason[static BASELINE_REASON_SIZE]);

#endif
