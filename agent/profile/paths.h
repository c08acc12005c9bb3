/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_PATHS_H
#define PROFILE_PATHS_H

/* File names of two sides, made the same where they are of the same module. */

#include "profile.h"

/* A leading part of file names; points into them. */
struct paths_root {
        const char *text;
        size_t len;
};

struct paths {
        struct paths_root roots[PROFILE_SIDES]; /* of each side's checkout */
        struct paths_root common;               /* of what is left of either side's files */
};

/* Learns from the files of all functions. @ret points into the profiles. -ENOMEM. */
int profile_paths_learn(const struct profile_set sides[static PROFILE_SIDES], struct paths *ret);

/* The part of @file that names its module's file; within @file. */
const char *profile_paths_relative(const struct paths *paths, enum profile_side side, const char *file);

#endif
