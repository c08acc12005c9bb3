/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a thread a reader. Pinned to the target's CPU it cannot run at the
 * same time as the target; SCHED_FIFO makes sure that it preempts it at once.
 * Either may be refused, and correctness does not depend on them: see pystack.
 */
#include "internal.h"

#include <pthread.h>
#include <sched.h>

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
