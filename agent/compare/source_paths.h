/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPARE_SOURCE_PATHS_H
#define COMPARE_SOURCE_PATHS_H

/* File names of two sides, made equal if they are of the same module. */

#include "compare.h"

/* A leading part of file names. Points into one of them. */
struct source_root {
        const char *text;
        size_t len;
};

struct source_paths {
        struct source_root roots[COMPARE_SIDES]; /* the folder of each side's checkout */
        struct source_root common;               /* the folder that the remaining files of both sides share */
};

/* Learns the roots from the files of all functions. @ret points into the profiles. -ENOMEM. */
int source_paths_learn(const struct profile_set sides[static COMPARE_SIDES], struct source_paths *ret);

/* Whether @file is of an installed package or of Python's standard library. */
bool source_paths_library(const char *file);

/* The part of @file that names its module's file. Points into @file. */
const char *source_paths_relative(const struct source_paths *paths, enum compare_side side, const char *file);

#endif
