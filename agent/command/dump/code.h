/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_CODE_H
#define DUMP_CODE_H

/* The frames of C code and of the kernel, for dump --native. */

#include "subject.h"

#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

/* What is asked for with a thread's stack. It stays in place until the stack has been read. */
struct code_ask {
        struct pystack_native_request request;
        const struct nsutil_wait_thread *files;
        const struct nsutil_wait *wait;
};

/* Asks for a mixed stack of @thread, which waits as @wait says, read of @files. Does nothing if it does not wait. */
void code_ask(struct code_ask *ret, struct pystack_thread *thread, const struct nsutil_wait_thread *files,
              const struct nsutil_wait *wait);

/* A frame that is no Python frame, ready to be printed. */
struct code_frame {
        const char *kind;     /* "c", "kernel" */
        const char *name;     /* never "" */
        const char *file;     /* escaped */
        const char *build_id; /* "": none */
        uint64_t address;     /* in the file; 0: not known */
};
typedef void (*code_frame_fn)(void *ctx, const struct code_frame *frame);

/* Hands over a frame of C code of the subject's process. */
void code_each(struct subject *subject, const struct pystack_mixed_frame *frame, code_frame_fn each, void *ctx);

/*
 * Hands over what the kernel does for thread @tid, innermost first, if the kernel tells it: to whom may trace the process
 * (/proc/PID/task/TID/stack, proc_pid_stack(5)). Of a thread that runs it tells nothing.
 */
void code_each_of_kernel(pid_t pid, pid_t tid, code_frame_fn each, void *ctx);

#endif
