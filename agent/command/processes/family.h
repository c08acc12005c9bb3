/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_FAMILY_H
#define PROCESSES_FAMILY_H

/*
 * Who descends from whom: those that a recording began with, and all that they and
 * theirs have forked since. Births are told by find; whoever is born into the family
 * stays of it, whosever child it is later.
 */

#include "agent/find/find.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct family;

struct family *family_new(void);         /* NULL: out of memory */
void family_free(struct family *family); /* accepts NULL */

/* One whose descendants are looked for, known by PID and start time. 0 or -ENOMEM. */
int family_add(struct family *family, pid_t pid, uint64_t start_time);

/* Somebody's birth, as find_events.appeared tells it. 0 or -ENOMEM. */
int family_hear(struct family *family, const struct find_birth *birth);

/* To be called after each find_scan(): births whose parents were told by none of two scans are forgotten. */
void family_settle(struct family *family);

/*
 * Whether the process is of the family: it was added, or born into it; or its line of
 * parents leads there now; or the session that it is in was begun by one of it.
 */
bool family_has(struct family *family, pid_t pid, uint64_t start_time);

/* Whether any process of it lives, ourselves left out. */
bool family_lives(const struct family *family);

#endif
