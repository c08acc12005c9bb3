/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_THREAD_STATE_H
#define PROCESSES_THREAD_STATE_H

/* What a thread was doing, in a word. */

#include "nsutil/nsutil.h"

/*
 * The name of @letter, a thread's state in /proc/PID/stat: "running", "sleeping", "stopped", …;
 * "frozen" for one that its cgroup keeps from running, as far as that can be seen from here;
 * "unknown" for a letter that is none. Static.
 */
const char *thread_state(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, char letter);

/*
 * Whether the process is kept from running by the CPU quota of its cgroup: no thread of it runs up to the end of a period
 * in which that was so. Where there is a quota it waits for that, up to 0.2 s; it ends as soon as a thread runs.
 */
bool is_throttled(pid_t pid);

#endif
