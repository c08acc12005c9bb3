/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_SUBJECT_H
#define DUMP_SUBJECT_H

/* A process that dump prints. */

#include "agent/command/cli/json.h"
#include "agent/find/find.h"

#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

#include <stdio.h>

struct view; /* a thread: see threads.c */

/*
 * A process whose threads are printed. It is read in bounded time: if its memory does not answer, the other processes
 * do not wait.
 */
struct subject {
        pid_t pid;
        struct find_process process;
        struct pystack *py;
        uint64_t holder; /* the thread state that holds the GIL */
        struct nsutil_freezers freezers;
        bool asked;               /* it was found out whether the CPU quota of its cgroup keeps it from running */
        bool throttled;           /* the CPU quota keeps it from running */
        bool tasks;               /* print tasks of asyncio as well */
        bool apart;               /* print each thread by itself, also if its stack is another's as well */
        struct symbols *symbols;  /* names of C code; NULL: only Python is wanted */
        struct json_object *json; /* NULL: text */
        struct view *views;       /* allocated */
        size_t n_views;
        FILE *out; /* writes into @text */
        char *text;
        size_t len;
        FILE *stacks; /* writes into @stacks_text what is printed below the threads' names */
        char *stacks_text;
        size_t stacks_len;
        bool call_is_refused; /* what a thread waits for is not known, since its system call may not be read */
        int error;            /* 0, or why its threads could not be listed */
};

/*
 * Reads all threads of @subject, and writes them to its @out, or adds them to its @json. 0, an error of pystack, or a
 * negative errno.
 */
int dump_threads(struct subject *subject);

#endif
