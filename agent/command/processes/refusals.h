/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_REFUSALS_H
#define PROCESSES_REFUSALS_H

/*
 * What pystack refuses in the processes that a command opens, for --verbose. A refusal may happen in a reader at
 * real-time priority, which must not print. So refusals are kept until the command prints them.
 */

#include "agent/command/cli/options.h"

#include "pystack/pystack.h"

/* The number of lines that are printed for a process at most. */
#define REFUSALS_SAID_MAX 8

/* The row of an option table for a configuration whose member @member is a bool. */
#define REFUSALS_OPTION(type, member)                                                                   \
        {                                                                                               \
                .name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .field = offsetof(type, member), \
                .help = "print what in the memory of a process was not as expected, and its address"    \
        }

/* Begins to keep refusals. Until then no refusal is kept, and refusals_trace() is empty. */
void refusals_keep(void);

/* The trace that processes are to be opened with. */
struct pystack_trace refusals_trace(void);

/*
 * Prints the refusals of process @pid. 0: of all processes, and the number of refusals that were not kept. Each field
 * of a process is printed once, up to REFUSALS_SAID_MAX fields. A last line has the number of the others.
 */
void refusals_say(pid_t pid);

/* To be called when process @pid was opened after all. Its refusals so far are not printed. */
void refusals_drop(pid_t pid);

/* Forgets all refusals, and keeps no more of them. */
void refusals_end(void);

#endif
