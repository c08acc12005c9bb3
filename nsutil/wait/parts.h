/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_WAIT_PARTS_H
#define NSUTIL_WAIT_PARTS_H

/* What the files of nsutil/wait share with each other. */

#include "nsutil/nsutil.h"

/* Where a system call has its timeout. */
enum timeout_form {
        TIMEOUT_NEVER,   /* it takes none */
        TIMEOUT_MS,      /* an int of milliseconds, negative for none */
        TIMEOUT_POINTER, /* the address of one, 0 for none */
        TIMEOUT_ALWAYS,
};

/* A system call that can wait. */
struct wait_call {
        const char *name;
        int number[NSUTIL_MACHINES]; /* -1: that machine has none */
        enum nsutil_wait_kind kind;
        enum nsutil_wait_act act;
        int fd; /* which argument is the descriptor; -1: none, or not only one */
        enum timeout_form timeout;
        int timeout_arg;
};

/* NULL: it is in no table. */
const struct wait_call *nsutil_wait_call_find(enum nsutil_machine machine, int number);

/* What a function of the kernel says of a thread that sleeps in it. */
enum channel_role {
        CHANNEL_OF_CALL, /* of a system call: `kind` is sure without knowing which, UNKNOWN if it is not */
        CHANNEL_BEFORE,  /* of what is before or behind every system call: `kind` is sure, whatever the call */
        CHANNEL_MEMORY, /* waits for a page or a file, interrupted by nothing: a page fault if it is in no system call */
        CHANNEL_VFORK,  /* likewise, and kind is sure */
};
struct wait_channel {
        const char *name;
        enum channel_role role;
        enum nsutil_wait_kind kind;
        enum nsutil_wait_thing thing;
        const char *restarts; /* the call that restart_syscall continues, of those that sleep here */
};

/* NULL: it is in no table. */
const struct wait_channel *nsutil_wait_channel_find(const char *name);

/* What descriptor @fd of a thread is. Sets `fd` and, if that cannot be had, NSUTIL_MISSING_LINK in @ret. */
void nsutil_wait_link_read(pid_t tid, int fd, struct nsutil_wait_detail *ret);

/*
 * The set that poll, select or epoll watch. @ret_known: whether it is known how many there are, which is
 * `descriptors` of @ret. `fd` is the only one, or -1; with it, for epoll, `inode` of what was added. NSUTIL_E_HANGS,
 * -ENOMEM.
 */
int nsutil_wait_set_read(const struct nsutil_wait_thread *thread, const struct nsutil_wait_memory *memory,
                         const struct nsutil_wait *wait, struct nsutil_wait_detail *ret, bool *ret_known);

#endif
