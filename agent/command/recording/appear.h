/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_APPEAR_H
#define COMMAND_APPEAR_H

/* Waits for a Python interpreter to appear in one process, whatever programs it executes on the way. */

#include "pystack/pystack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct appear {
        pid_t pid;
        uint32_t abi;         /* of pystack_open_abi() */
        uint64_t start_stack; /* another one after an exec */
        uint64_t since_ns;    /* when it became this program (CLOCK_MONOTONIC) */
        uint64_t open_ns;     /* when to look for an interpreter again */
        bool found;
        int error;                /* of the last pystack_open() */
        struct pystack_info info; /* likewise */
};

enum appear_event {
        APPEAR_NOTHING,
        APPEAR_FOUND,    /* an interpreter is up */
        APPEAR_REPLACED, /* the program that held the one found was replaced by exec */
};

/* Begins with a process that has just executed its program. @abi: of pystack_open_abi(). */
void appear_begin(struct appear *appear, pid_t pid, uint32_t abi);

/* Looks at the process. On APPEAR_FOUND @ret is the caller's. */
enum appear_event appear_look(struct appear *appear, struct pystack **ret);

/* How long to wait before looking again. */
int appear_delay_ms(const struct appear *appear);

#endif
