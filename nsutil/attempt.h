/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_ATTEMPT_H
#define NSUTIL_ATTEMPT_H

/*
 * Work that another process may hold up for ever. Reading a process's memory, or a file below its root, may have to
 * wait for a page that a program serves (FUSE, userfaultfd). It may also have to wait for a lock that the process holds
 * while it waits for such a page itself. No signal but SIGKILL ends the wait, and SIGKILL not always.
 *
 * So a separate thread, the worker, does the work, while the caller waits with a deadline. A worker that does not
 * answer in time is abandoned together with its work, and the next call starts another worker. The process is left
 * alone for good.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nsutil_work {
        void (*run)(void *job);
        void (*discard)(void *job); /* frees @job and all that it owns */
        bool known;                 /* the process was looked at before: it is not refused because others hang */
};

/*
 * A worker hangs if its work has taken NSUTIL_HANG_MS, and it has slept through the last NSUTIL_STILL_MS of that.
 * Waiting for a CPU is not hanging, and neither is sleeping many times.
 */
#define NSUTIL_HANG_MS 2000
#define NSUTIL_STILL_MS 1000

/* When to begin to look at its pulse, so that it is known to hang after NSUTIL_HANG_MS. */
#define NSUTIL_SUSPECT_MS (NSUTIL_HANG_MS - NSUTIL_STILL_MS)

/*
 * From NSUTIL_HANGING_MAX hanging threads on (workers and those of nsutil_count_hanging()), processes that see a mount
 * which may hang are refused. From NSUTIL_HANGING_LAST on, all processes are.
 */
#define NSUTIL_HANGING_MAX 8
#define NSUTIL_HANGING_LAST 16

/*
 * Runs work->run(@job) on behalf of process @pid. 0: it has returned, and @job is the caller's. NSUTIL_E_HANGS: the
 * process does not answer, now or at an earlier time. Then @job is discarded, at once or when its worker wakes up. If
 * it is called by such work itself, or no worker can be started, it runs the work in the caller's thread.
 */
int nsutil_attempt(pid_t pid, const struct nsutil_work *work, void *job);

/* Some of the caller's own threads hang (1), or do so no more (-1). */
void nsutil_count_hanging(int change);

/* Leaves a process alone for good: every attempt on its behalf is refused from now on. */
void nsutil_give_up(pid_t pid);

/* Whether nsutil_give_up() was called for the process, or an attempt has found that it hangs. */
bool nsutil_is_given_up(pid_t pid);

/*
 * Looks at a thread of podflame now and then. nsutil_pulse_stands() looks, and returns true once all looks of the last
 * NSUTIL_STILL_MS have found the thread asleep, and not run since the first of them.
 */
struct nsutil_pulse {
        uint64_t beats;    /* at the last look */
        uint64_t since_ns; /* CLOCK_MONOTONIC: the look since which it has been asleep without a beat; 0: it was not */
};
bool nsutil_pulse_stands(struct nsutil_pulse *pulse, pid_t tid);

#endif
