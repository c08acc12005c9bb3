/* SPDX-License-Identifier: Apache-2.0 */
/* The states of proc_pid_stat(5), and "frozen", which it does not show. */
#include "thread_state.h"

#include <time.h>

/*
 * A period of a quota is 100 ms unless it was set otherwise, and its end may be late. So a period is waited for this
 * long, in ns, and looked at once every LOOK_NS.
 */
#define PERIOD_NS 200000000u
#define LOOK_NS 2000000u

static const struct {
        char letter;
        bool may_be_frozen; /* a thread in a frozen cgroup is seen in this state */
        const char *name;
} states[] = {
        { 'R', false, "running" }, { 'S', true, "sleeping" }, { 'D', true, "waiting uninterruptibly" },
        { 'T', false, "stopped" }, { 't', false, "traced" },  { 'Z', false, "ended" },
        { 'X', false, "ended" },
};

const char *thread_state(const struct nsutil_freezers *freezers, pid_t pid, pid_t tid, char letter)
{
        bool frozen = false;

        for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
                if (states[i].letter != letter)
                        continue;
                if (states[i].may_be_frozen && nsutil_frozen(freezers, pid, tid, &frozen) == 0 && frozen)
                        return "frozen";
                return states[i].name;
        }
        return "unknown";
}

/*
 * The CPU time, in ns, that a process may use in a period in which it is throttled. Since Linux 6.18 a thread is
 * stopped only on its way out of the kernel, and a thread that waits for the GIL wakes up every 5 ms.
 */
#define KEPT_NS 500000u

/* Whether @pid uses hardly any CPU time until the number of throttled periods in cpu.stat grows. */
static bool waits_for_period(pid_t pid, const struct nsutil_quota *quota)
{
        const struct timespec pause = { .tv_nsec = LOOK_NS };
        uint64_t throttles = nsutil_quota_throttles(quota), before, now;

        if (nsutil_cpu_ns(pid, &before) != 0)
                return false;
        for (unsigned i = 0; i < PERIOD_NS / LOOK_NS; i++) {
                clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
                /* read this before the CPU time: afterwards the process may run again */
                bool grown = nsutil_quota_throttles(quota) > throttles;
                if (nsutil_cpu_ns(pid, &now) != 0)
                        return false;
                if (grown)
                        return now - before < LOOK_NS;
                if (now - before > KEPT_NS)
                        return false;
        }
        return false;
}

bool is_throttled(pid_t pid)
{
        struct nsutil_quota quota;

        if (nsutil_quota_open(pid, &quota) != 0)
                return false;
        bool throttled = waits_for_period(pid, &quota);
        nsutil_quota_close(&quota);
        return throttled;
}
