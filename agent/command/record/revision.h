/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_REVISION_H
#define RECORD_REVISION_H

/* Finds the commit of a git repository that is checked out. */

#include <stdbool.h>

/* Size of a commit in hexadecimal: 40 digits of SHA-1, or 64 of SHA-256, and a NUL. */
#define REVISION_SIZE 65

/*
 * Finds the commit that is checked out in @folder, or in the closest folder above it that is a working tree. False if
 * there is none, or if it has no commit yet.
 */
bool revision_read(const char *folder, char ret[static REVISION_SIZE]);

#endif
