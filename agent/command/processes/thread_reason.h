/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_THREAD_REASON_H
#define PROCESSES_THREAD_REASON_H

/* Why a thread of an interpreter does not run. What the kernel says of it is joined with what is known of the GIL. */

#include "agent/reason/reason.h"

#include "pystack/pystack.h"

enum thread_reason_kind {
        THREAD_UNKNOWN,
        THREAD_RUNNING,
        THREAD_CPU, /* it could run, and does not */
        THREAD_THROTTLED,
        THREAD_SLEEP,
        THREAD_IO,
        THREAD_GIL,
        THREAD_LOCK, /* at a word of memory outside of the GIL; or for a lock of the kernel */
        THREAD_CHILD,
        THREAD_SIGNAL,
        THREAD_PAGE,
        THREAD_STOPPED,
        THREAD_FROZEN,
};

struct thread_reason {
        enum thread_reason_kind kind;
        struct nsutil_wait wait;
        bool has_detail;
        struct nsutil_wait_detail detail;
        bool moved;        /* UNKNOWN: it ran while it was read */
        bool lock_or_gil;  /* UNKNOWN: where the GIL lies is not known */
        uint64_t begin_ns; /* when it was read, by CLOCK_MONOTONIC */
};

/* A thread of @py. All is borrowed. */
struct thread_whole {
        struct pystack *py;
        const struct pystack_thread_ref *ref;
        struct pystack_thread *thread;
        pid_t pid, tid;
};

/*
 * Reads the stack of a thread, and why the thread does not run: both of one moment, or the reason is UNKNOWN. Its
 * addresses are not known yet: see nsutil_wait_addresses(). The errors of sample_now(). That the reason cannot be read
 * is no error.
 */
int thread_reason_sample(const struct thread_whole *whole, const struct nsutil_freezers *freezers,
                         struct thread_reason *ret, struct pystack_stack *ret_stack);

/*
 * To be called after all threads have been read: a thread that is RUNNING and has not run since waits for a CPU. Waits
 * until @reason is 12 ms old, if the thread has not run by now.
 */
void thread_reason_settle(pid_t pid, pid_t tid, struct thread_reason *reason);

/* Words for people: "waits: socket 10.0.0.7:5432", "sleeps", "" where the state says it all. Of at least REASON_SIZE. */
void thread_reason_words(const struct thread_reason *reason, char *ret, size_t size);

struct json_object;

/*
 * Makes {kind, text, source, timeout, fd, address, port, path}, of the last five those that are known. The address is
 * the peer's, or the socket's own if it has no peer.
 */
struct json_object *thread_reason_json(const struct thread_reason *reason);

#endif
