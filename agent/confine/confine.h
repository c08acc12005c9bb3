/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFINE_H
#define CONFINE_H

/*
 * confine: podflame reads hostile processes, so it gives up what it does not need: capabilities, and system calls.
 * Whoever takes podflame over then gains little.
 *
 * Both belong to a thread, and the threads that it starts inherit them. So call these functions before there are other
 * threads.
 *
 * Errors: negative -errno.
 */

#include <stdbool.h>
#include <stddef.h>

enum confine_role {
        CONFINE_AGENT,
        CONFINE_AGENT_BLOCKING, /* one that stops threads by ptrace */
        CONFINE_COLLECTOR,
        CONFINE_RECORDER,          /* samples for some time, and draws on a terminal: record, top */
        CONFINE_RECORDER_BLOCKING, /* one that stops threads by ptrace */
        CONFINE_VIEWER,            /* reads once, and asks servers: ps, dump, doctor */
        CONFINE_CONVERTER,         /* has opened all its files already: convert, diff, check */
        CONFINE_SOURCE_READER,     /* the same, and opens files below a folder that is open: convert, lines --source */
};

/*
 * Gives up, for good, every capability that @role does not need. @missing (may be NULL) is called for each capability
 * that an agent would need and does not have, with its name and what is lost without it. Recorders and viewers without
 * CAP_SYS_PTRACE keep all they have: the kernel lets them read processes that hold no more than that.
 */
int confine_capabilities(enum confine_role role, void (*missing)(void *ctx, const char *name, const char *loss),
                         void *ctx);

/* The answer to a system call that is not on the role's list. */
enum confine_answer {
        CONFINE_DENY, /* EPERM, and the agent goes on */
        CONFINE_KILL, /* SIGSYS: for tests, and for users who prefer it */
};

/*
 * Allows only the system calls that @role needs. No role may start a process, execute a program, or write to another
 * process's memory. Recorders and viewers open files only for reading (except with openat2, see calls.c). Converters
 * open none.
 */
int confine_calls(enum confine_role role, enum confine_answer answer);

#endif
