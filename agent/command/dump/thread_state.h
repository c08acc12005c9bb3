/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_THREAD_STATE_H
#define DUMP_THREAD_STATE_H

/* The state of a thread, in a word. */

#include "nsutil/nsutil.h"

/*
 * Names @letter, the state of a thread in /proc/PID/stat: "running", "sleeping", "stopped" and so on. "frozen" if the
 * thread's cgroup keeps it from running, as far as podflame can see that. "unknown" if @letter is no state. The name is
 * static.
 */
const char *thread_state(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, char letter);

/*
 * Whether the CPU quota of its cgroup keeps the process from running: no thread of it runs until the end of a period in
 * which its cgroup is throttled. If there is a quota, it waits for the end of a period, up to 0.2 s. It returns earlier
 * if a thread runs.
 */
bool is_throttled(pid_t pid);

#endif
