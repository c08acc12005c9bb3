/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_THREAD_REASON_H
#define DUMP_THREAD_REASON_H

/*
 * Why a thread of an interpreter does not run. The kernel says what the thread waits for. pystack says where the GIL
 * lies.
 */

#include "agent/reason/reason.h"

#include "pystack/pystack.h"

enum thread_reason_kind {
        THREAD_UNKNOWN,
        THREAD_RUNNING,
        THREAD_CPU, /* it is ready to run, and has no CPU */
        THREAD_THROTTLED,
        THREAD_SLEEP,
        THREAD_IO,
        THREAD_GIL,
        THREAD_LOCK, /* it waits at a word of memory outside of the GIL, or for a lock of the kernel */
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
        bool moved;        /* with UNKNOWN: the thread ran while it was read */
        bool lock_or_gil;  /* with UNKNOWN: it is not known where the GIL lies */
        uint64_t begin_ns; /* when the reading began, by CLOCK_MONOTONIC */
};

/* A thread of @py. All pointers are borrowed. */
struct thread_whole {
        struct pystack *py;
        const struct pystack_thread_ref *ref;
        struct pystack_thread *thread;
        pid_t pid, tid;
};

/*
 * Reads the stack of a thread, and why the thread does not run. Both are true for one moment. Otherwise the reason is
 * UNKNOWN, which is no error. The reason has no addresses of sockets yet: see nsutil_wait_addresses(). The errors are
 * those of sample_now().
 */
int thread_reason_sample(const struct thread_whole *whole, const struct nsutil_freezers *freezers,
                         struct thread_reason *ret, struct pystack_stack *ret_stack);

/*
 * To be called after all threads have been read. If the thread is RUNNING and has not run since, it waits for a CPU,
 * and @reason says so. If the thread has not run by now, the call returns no sooner than @reason is 12 ms old.
 */
void thread_reason_complete(pid_t pid, pid_t tid, struct thread_reason *reason);

/*
 * Writes words for people: "waits: socket 10.0.0.7:5432", "sleeps". "" if the state says all. @size is at least
 * REASON_SIZE.
 */
void thread_reason_words(const struct thread_reason *reason, char *ret, size_t size);

struct json_object;

/*
 * Makes {kind, text, source, timeout, fd, address, port, path}. A member that is not known is left out; the first three
 * are always there. The address is the peer's. Without a peer it is the socket's own.
 */
struct json_object *thread_reason_json(const struct thread_reason *reason);

#endif
