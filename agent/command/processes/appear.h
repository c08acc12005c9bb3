/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_APPEAR_H
#define PROCESSES_APPEAR_H

/* Waits until a Python interpreter appears in one process, whatever programs the process executes on the way. */

#include "pystack/pystack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct appear {
        pid_t pid;
        uint32_t abi;             /* of pystack_open() */
        uint64_t start_stack;     /* address of its stack, which every exec changes; 0: not known yet */
        uint64_t since_ns;        /* when it became this program (CLOCK_MONOTONIC) */
        uint64_t look_ns;         /* when to look next whether it has executed another program */
        uint64_t open_ns;         /* when to try next to open its interpreter */
        bool found;               /* its interpreter was opened */
        bool tried;               /* its present program was tried to be opened */
        int error;                /* of the last pystack_open() */
        struct pystack_info info; /* of the last pystack_open() */
};

enum appear_event {
        APPEAR_NOTHING,
        APPEAR_FOUND,    /* an interpreter is up */
        APPEAR_REPLACED, /* the program whose interpreter was found was replaced by an exec */
};

/* Begins with a process that has just executed its program. @abi is what pystack_open() takes. */
void appear_begin(struct appear *appear, pid_t pid, uint32_t abi);

/*
 * Begins with a process that may have been there for long. @start_stack was read before it was tried to open the
 * process. @found: its interpreter was opened. @error: why it was not opened.
 */
void appear_resume(struct appear *appear, pid_t pid, uint32_t abi, uint64_t start_stack, bool found, int error);

/* Looks at the process if it is time to. On APPEAR_FOUND the caller owns @ret. */
enum appear_event appear_look(struct appear *appear, struct pystack **ret);

/*
 * Whether it is worth while to try process @pid again after @error of pystack_open(). A process that starts, executes a
 * program or kept running while it was read may be opened later, as long as it lives.
 */
bool appear_may_come(pid_t pid, int error);

/* How long to wait before looking again. */
int appear_delay_ms(const struct appear *appear);

#endif
