/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_APPEAR_H
#define PROCESSES_APPEAR_H

/* Waits for a Python interpreter to appear in one process, whatever programs it executes on the way. */

#include "pystack/pystack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct appear {
        pid_t pid;
        uint32_t abi;         /* of pystack_open() */
        uint64_t start_stack; /* another one after an exec */
        uint64_t since_ns;    /* when it became this program (CLOCK_MONOTONIC) */
        uint64_t look_ns;     /* when to see whether it has become another program */
        uint64_t open_ns;     /* when to look for an interpreter again */
        bool found;
        bool tried;               /* to open this program */
        int error;                /* of the last pystack_open() */
        struct pystack_info info; /* likewise */
};

enum appear_event {
        APPEAR_NOTHING,
        APPEAR_FOUND,    /* an interpreter is up */
        APPEAR_REPLACED, /* the program that held the one found was replaced by exec */
};

/* Begins with a process that has just executed its program. @abi: of pystack_open(). */
void appear_begin(struct appear *appear, pid_t pid, uint32_t abi);

/*
 * Begins with one that may have been there for long. @start_stack: before @found, whether its interpreter was opened,
 * was known; @error: why it was not.
 */
void appear_resume(struct appear *appear, pid_t pid, uint32_t abi, uint64_t start_stack, bool found, int error);

/* Looks at the process if it is time to. On APPEAR_FOUND @ret is the caller's. */
enum appear_event appear_look(struct appear *appear, struct pystack **ret);

/*
 * Whether it is worth while to try process @pid again after @error of pystack_open(): a process that starts, executes a
 * program or kept running while it was read may be opened later, as long as it lives.
 */
bool appear_may_come(pid_t pid, int error);

/* How long to wait before looking again. */
int appear_delay_ms(const struct appear *appear);

#endif
