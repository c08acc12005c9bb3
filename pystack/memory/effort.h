/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_EFFORT_H
#define PYSTACK_EFFORT_H

/*
 * What opening a process may cost. Every step of the search for a runtime is bounded by what honest files hold,
 * but a hostile process can make each of some thousand steps as long as its bound allows.
 */

#include "remote.h"

/*
 * Calls of the reader, and CPU time of the calling thread. A Python takes some 100 reads and less than 1 ms; a
 * program with 500 libraries and no Python in it takes 3000 reads and 5 ms.
 */
#define EFFORT_READS 5000
#define EFFORT_CPU_NS 20000000

struct effort {
        struct pystack_memory process; /* who does the reading */
        unsigned reads;                /* so far */
        uint64_t end_ns;               /* by the thread's CPU clock */
        bool spent;
};

/*
 * Begins to count what @process reads for @effort. Everything is to be read by the reader that is returned, which
 * fails with -ETIME (PYSTACK_E_COSTLY) as soon as the effort is spent. It is valid as long as @effort is.
 */
struct pystack_memory effort_begin(struct effort *effort, const struct pystack_memory *process);

/* CPU time that the calling thread has used, in ns. A system call. */
uint64_t effort_cpu_ns(void);

/* Whether no more may be done. To be asked before work that reads nothing through the reader. */
bool effort_is_spent(struct effort *effort);

#endif
