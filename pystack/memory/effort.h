/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_EFFORT_H
#define PYSTACK_EFFORT_H

/*
 * Bounds what opening a process costs, and what reading the names of its threads costs. Each step of the search for a
 * runtime is bounded by what honest files hold. But there are some thousand steps, and a hostile process can make each
 * as long as its bound allows.
 */

#include "remote.h"

/*
 * Reads of memory, and ns of CPU time of the calling thread, that opening may take. A Python takes some 100 reads and
 * less than 1 ms. A program with 500 libraries and no Python in it takes 3000 reads and 5 ms.
 */
#define EFFORT_READS 5000
#define EFFORT_CPU_NS 20000000

struct effort {
        struct pystack_memory process; /* the memory that is read */
        unsigned reads;                /* so far */
        unsigned reads_max;
        uint64_t end_ns; /* by the thread's CPU clock */
        bool spent;
};

/*
 * Returns the memory of @process as it is to be read while it is opened: reads are counted in @effort, and fail with
 * -ETIME (PYSTACK_E_COSTLY) as soon as the effort is spent. It is valid as long as @effort is.
 */
struct pystack_memory effort_begin(struct effort *effort, const struct pystack_memory *process);

/* The same by other bounds than those of opening. */
struct pystack_memory effort_begin_within(struct effort *effort, const struct pystack_memory *process,
                                          unsigned reads_max, uint64_t cpu_ns);

/* CPU time that the calling thread has used, in ns. A system call. */
uint64_t effort_cpu_ns(void);

/* Whether the effort is spent. To be asked before work that reads no memory. */
bool effort_is_spent(struct effort *effort);

#endif
