/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_USUAL_H
#define FIND_USUAL_H

/*
 * Programs by the names that the kernel tells with an exec. They say only when to look first at a process, never what
 * it is: anybody can give a program any name.
 */

#include "nsutil/nsutil.h"

#include <stdbool.h>

/* If more names are known than this, those of programs that are not Python are forgotten. */
#define FIND_USUAL_NAMES_MAX 512

struct find_usual;

int find_usual_new(struct find_usual **ret);    /* -ENOMEM */
void find_usual_free(struct find_usual *usual); /* accepts NULL */

/* A process that has executed a program of this name (fewer than NSUTIL_COMM_SIZE bytes) was, or was not, found to be Python. "": nothing is noted. */
void find_usual_note(struct find_usual *usual, const char *name, bool is_python);

/* Whether programs of this name were looked at several times, and never were Python. */
bool find_usual_is_other(const struct find_usual *usual, const char *name);

#endif
