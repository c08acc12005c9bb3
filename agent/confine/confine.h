/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFINE_H
#define CONFINE_H

/*
 * confine: a process that looks at hostile ones gives up what it does not need,
 * so that whoever takes it over gains little: capabilities, and system calls.
 *
 * Both are of a thread and inherited by those that it starts: to be called
 * before there are any.
 *
 * Errors: negative -errno.
 */

#include <stdbool.h>
#include <stddef.h>

enum confine_role {
        CONFINE_AGENT,
        CONFINE_AGENT_BLOCKING, /* one that stops threads by ptrace */
        CONFINE_COLLECTOR,
        CONFINE_RECORDER,          /* samples for a while, and draws on a terminal: record, top */
        CONFINE_RECORDER_BLOCKING, /* one that stops threads by ptrace */
        CONFINE_VIEWER,            /* looks once, and asks servers: ps, dump, doctor */
        CONFINE_CONVERTER,         /* has opened all its files: convert, diff, check */
};

/*
 * Gives up, for good, every capability that @role does not need. @missing (may be
 * NULL) is called for each that an agent would need and does not have, with its name
 * and what is lost without it. Recorders and viewers without CAP_SYS_PTRACE keep
 * what they have: the kernel lets them read whoever has no more than that.
 */
int confine_capabilities(enum confine_role role, void (*missing)(void *ctx, const char *name, const char *loss),
                         void *ctx);

/* What a system call gets that is not on the role's list. */
enum confine_answer {
        CONFINE_DENY, /* EPERM, and the agent goes on */
        CONFINE_KILL, /* SIGSYS: for tests, and for those who prefer it */
};

/*
 * Allows the system calls that @role needs and no other: none of those lists has
 * one that starts a process, executes a program, or writes to another's memory.
 * Recorders and viewers open files for reading only (but for openat2, see calls.c),
 * converters none.
 */
int confine_calls(enum confine_role role, enum confine_answer answer);

#endif
