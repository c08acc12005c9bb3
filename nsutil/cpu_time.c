/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time of a process, read from its CPU clock. The kernel updates that clock when it is read
 * (kernel/time/posix-cpu-timers.c, thread_group_cputime()). Reading it needs no privilege.
 */
#include "nsutil/nsutil.h"

#include <errno.h>
#include <time.h>

/*
 * A clockid_t of a process is the complement of the PID, shifted, and the kind of clock (CPUCLOCK_SCHED,
 * include/linux/posix-timers.h).
 */
#define PID_SHIFT 3
#define CPUCLOCK_SCHED 2u

/* PID_MAX_LIMIT, include/linux/threads.h. */
#define PID_LIMIT (4 * 1024 * 1024)

int nsutil_cpu_ns(pid_t pid, uint64_t *ret)
{
        clockid_t clock = (clockid_t)((~(unsigned)pid << PID_SHIFT) | CPUCLOCK_SCHED);
        struct timespec now;

        if (pid <= 0 || pid >= PID_LIMIT || clock_gettime(clock, &now) < 0)
                return NSUTIL_E_GONE;
        *ret = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        return 0;
}
