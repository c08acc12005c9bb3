/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_REFUSALS_H
#define PROCESSES_REFUSALS_H

/*
 * What pystack refuses of the processes that a command opens, for --verbose. It is kept until the command says it:
 * refusals can happen in a reader at real-time priority, which must not print.
 */

#include "agent/command/cli/options.h"

#include "pystack/pystack.h"

/* Lines that are said of a process. */
#define REFUSALS_SAID_MAX 8

/* The row of an option table for a configuration whose member @member is a bool. */
#define REFUSALS_OPTION(type, member)                                                                   \
        {                                                                                               \
                .name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .field = offsetof(type, member), \
                .help = "print what in the memory of a process was not as expected, and its address"    \
        }

/* Begins to keep refusals. Before, nothing is kept, and refusals_trace() is empty. */
void refusals_keep(void);

/* What processes are to be opened with. */
struct pystack_trace refusals_trace(void);

/*
 * Prints what was refused of process @pid, or of all if it is 0: each field once, at most REFUSALS_SAID_MAX of a
 * process, and how many more there were.
 */
void refusals_say(pid_t pid);

/* Process @pid was opened after all: what was refused of it before is of no interest. */
void refusals_drop(pid_t pid);

/* Forgets all of it. */
void refusals_end(void);

#endif
