/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_FAMILY_H
#define COMMAND_FAMILY_H

/* Who descends from whom, by /proc. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether a process, known by PID and start time, is one whose descendants are looked for. */
typedef bool (*family_is_ours_fn)(const void *ctx, pid_t pid, uint64_t start_time);

/*
 * Whether the line of parents of process @pid that began at @start_time leads to
 * one of ours. @pid itself does not count.
 */
bool family_descends(pid_t pid, uint64_t start_time, family_is_ours_fn is_ours, const void *ctx);

#endif
