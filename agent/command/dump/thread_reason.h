/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_THREAD_REASON_H
#define DUMP_THREAD_REASON_H

/* Why a thread of an interpreter does not run, and its stack: both of one moment. */

#include "agent/reason/reason.h"

#include "pystack/pystack.h"

struct thread_reason {
        struct reason is;
        struct reason_place place; /* what the stack says of it */
        uint64_t begin_ns;         /* when the reading began, by CLOCK_MONOTONIC */
};

/* A thread of @py. All pointers are borrowed. @native: its C code is wanted, too, as far as the thread waits. */
struct thread_whole {
        struct pystack *py;
        struct pystack_thread *thread;
        pid_t pid, tid;
        bool native;
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
 * REASON_SIZE + 32.
 */
void thread_reason_words(const struct thread_reason *reason, char *ret, size_t size);

struct json_object;

/*
 * Makes {kind, text, source, for_work, timeout, fd, address, port, path}. A member that is not known is left out; the
 * first four are always there. The address is the peer's. Without a peer it is the socket's own.
 */
struct json_object *thread_reason_json(const struct thread_reason *reason);

#endif
