/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_FAMILY_H
#define PROCESSES_FAMILY_H

/*
 * A family: the processes that a recording began with, and all processes that these and their descendants have forked
 * since. find reports births. A process that is born into the family stays in it, whatever its parent is later.
 */

#include "agent/find/find.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct family;

struct family *family_new(void);         /* NULL: out of memory */
void family_free(struct family *family); /* accepts NULL */

/* Adds a process whose descendants belong to the family. PID and start time identify it. 0 or -ENOMEM. */
int family_add(struct family *family, pid_t pid, uint64_t start_time);

/* Hears of a birth, as find_events.appeared reports it. 0 or -ENOMEM. */
int family_hear(struct family *family, const struct find_birth *birth);

/*
 * Call this after each find_scan(). Forgets births whose parents were reported neither in the scan of the birth nor in
 * the next one.
 */
void family_settle(struct family *family);

/*
 * Whether the process belongs to the family: it was added, or was born into it; or its present parents lead to it; or a
 * process of the family began its session.
 */
bool family_has(struct family *family, pid_t pid, uint64_t start_time);

/* Whether any process of the family lives, podflame left out. */
bool family_lives(const struct family *family);

#endif
