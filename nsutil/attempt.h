/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_ATTEMPT_H
#define NSUTIL_ATTEMPT_H

/*
 * Work that another process may hold up for ever. Whoever reads the memory of a process, or a file of its root, may
 * have to wait for a page that a program serves (FUSE, userfaultfd), or for a lock that the process holds while it
 * waits for such a page itself. No signal but SIGKILL ends that, and that one not always.
 *
 * So a thread that is kept for it does the work, while the caller waits with a deadline. A thread that does not answer
 * in time is left where it is, with the work that it has, and another one takes its place. The process is left alone
 * for good.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nsutil_work {
        void (*run)(void *job);
        void (*discard)(void *job); /* frees @job and all that it has, which nobody wants any more */
};

/* A thread that has been asleep for so long, and has not run for two looks in a row, hangs. One that waits for a CPU does not. */
#define NSUTIL_HANG_MS 2000

/* So many threads may hang. Where there are more, processes that see a mount which may hang are refused; then all are. */
#define NSUTIL_HANGING_MAX 8
#define NSUTIL_HANGING_LAST 16

/*
 * Runs work->run(@job) on behalf of process @pid. 0: it has returned, and @job is the caller's. NSUTIL_E_HANGS: the
 * process does not answer, now or at an earlier time; @job is discarded, now or when the thread that has it wakes up.
 * Called while such work is done, it runs directly. So it does where no thread can be had.
 */
int nsutil_attempt(pid_t pid, const struct nsutil_work *work, void *job);

/* Leaves a process alone for good: every attempt on its behalf is refused from now on. */
void nsutil_give_up(pid_t pid);

/* Whether that was said of it, or an attempt has shown it. */
bool nsutil_is_given_up(pid_t pid);

/* Whether a thread of ours hangs: see NSUTIL_HANG_MS. Looks that are less than 100 ms apart tell nothing. */
struct nsutil_pulse {
        uint64_t beats; /* at the last look */
        unsigned still; /* looks in a row that have found it asleep, and no beat since the look before */
};
bool nsutil_pulse_stands(struct nsutil_pulse *pulse, pid_t tid);

#endif
