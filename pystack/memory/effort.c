/* SPDX-License-Identifier: Apache-2.0 */
#include "effort.h"

#include <errno.h>
#include <time.h>

/* Reads of memory between two looks at the clock. Both are system calls. */
#define READS_PER_CLOCK 32

uint64_t effort_cpu_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool effort_is_spent(struct effort *effort)
{
        effort->spent = effort->spent || effort->reads >= effort->reads_max || effort_cpu_ns() >= effort->end_ns;
        return effort->spent;
}

static ssize_t read_counted(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct effort *effort = ctx;

        if (effort->spent || effort->reads >= effort->reads_max ||
            (effort->reads % READS_PER_CLOCK == 0 && effort_is_spent(effort)))
                return -ETIME;
        effort->reads++;
        return effort->process.read(effort->process.ctx, buf, remote, n);
}

struct pystack_memory effort_begin_within(struct effort *effort, const struct pystack_memory *process,
                                          unsigned reads_max, uint64_t cpu_ns)
{
        *effort = (struct effort){ .process = *process, .reads_max = reads_max, .end_ns = effort_cpu_ns() + cpu_ns };
        return (struct pystack_memory){
                .read = read_counted, .ctx = effort, .trace = process->trace, .pid = process->pid
        };
}

struct pystack_memory effort_begin(struct effort *effort, const struct pystack_memory *process)
{
        return effort_begin_within(effort, process, EFFORT_READS, EFFORT_CPU_NS);
}
