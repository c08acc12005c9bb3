/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a thread a reader. A reader that is pinned to the target's CPU cannot run at the same time as the target.
 * SCHED_FIFO makes the reader preempt the target at once. The kernel may refuse either, and correctness does not depend
 * on them: see pystack.
 */
#include "internal.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

bool reader_pin(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

bool reader_realtime(void)
{
        struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

        return pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest) == 0;
}

void reader_sleep_until(uint64_t at_ns)
{
        const struct timespec at = { .tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

const char *reader_realtime_text(bool realtime)
{
        if (realtime)
                return "SCHED_FIFO";
        return nsutil_has_cap(CAP_SYS_NICE) ? "no SCHED_FIFO (the cgroup has no real-time budget)"
                                            : "no SCHED_FIFO (CAP_SYS_NICE)";
}

/* How often a reader follows a thread that changes its CPU, and how often it reads the thread on each CPU. */
#define PURSUITS_MAX 50
#define TRIES_EACH 3

/* A thread that was preempted while it changed the chain of its frames needs no more than this to finish that. */
#define STEP_NS 20000

/* Lets the thread whose CPU this is run for a moment. */
static void yield_cpu(void)
{
        const struct timespec step = { .tv_nsec = STEP_NS };

        clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
}

/* Reads the stat of the thread alone: that of its process takes the kernel a visit to each thread. */
static int read_own_stat(pid_t tid, struct nsutil_stat *ret)
{
        int fd, r = nsutil_stat_open(tid, tid, &fd);

        if (r == 0) {
                r = nsutil_stat_reread(fd, ret);
                close(fd);
        }
        return r;
}

bool reader_pursue(struct pystack *py, struct pystack_thread *thread, pid_t tid, int cpu, struct pystack_stack *ret,
                   int *ret_error)
{
        int at = cpu, e = PYSTACK_E_TORN;

        for (unsigned i = 0; e == PYSTACK_E_TORN && i < PURSUITS_MAX; i++) {
                struct nsutil_stat stat;
                if (read_own_stat(tid, &stat) == 0 && stat.state == 'R' && stat.cpu != at && reader_pin(stat.cpu))
                        at = stat.cpu;
                else
                        yield_cpu();
                e = pystack_sample(py, thread, TRIES_EACH, ret);
        }
        *ret_error = e;
        return at != cpu;
}
