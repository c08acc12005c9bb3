/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_PROGRAMS_H
#define FIND_PROGRAMS_H

/*
 * Programs by the names that the kernel tells with an exec. They say only when to look first at a process, never what
 * it is: anybody can give a program any name.
 */

#include "nsutil/nsutil.h"

#include <stdbool.h>

/* If more names are known than this, those of programs that are not Python are forgotten. */
#define FIND_PROGRAMS_MAX 512

struct find_programs;

int find_programs_new(struct find_programs **ret);       /* -ENOMEM */
void find_programs_free(struct find_programs *programs); /* accepts NULL */

/* A process that has executed a program of this name (fewer than NSUTIL_COMM_SIZE bytes) was, or was not, found to be Python. "": nothing is noted. */
void find_programs_note(struct find_programs *programs, const char *name, bool is_python);

/* Whether programs of this name were looked at several times, and never were Python. */
bool find_programs_is_other(const struct find_programs *programs, const char *name);

#endif
