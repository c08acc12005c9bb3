/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_EVENT_H
#define SAMPLE_PERF_EVENT_H

/*
 * perf_event_open(2), as far as ticks need it: software clock events, and the
 * rings that they write to. All functions that return a descriptor (owned by the
 * caller, close-on-exec) return a negative errno on failure.
 */

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A tick for every @period_ns that @cpu is not idle, whatever runs. Starts disabled. */
int perf_open_cpu(int cpu, uint64_t period_ns);

/*
 * A tick for every @period_ns that thread @tid spends on @cpu, and threads that
 * it starts from now on. Starts enabled.
 * @user_only: not while it is in the kernel; all that one may have without
 * CAP_PERFMON where kernel.perf_event_paranoid is 2.
 */
int perf_open_thread(pid_t tid, int cpu, uint64_t period_ns, bool user_only);

/*
 * Counts the nanoseconds that thread @pid and all threads that it starts spend on CPUs:
 * read(2) tells them, also once they have ended. Not its child processes. -EINVAL before Linux 5.13.
 */
int perf_open_count(pid_t pid);

/*
 * Tells of thread @tid, and of all threads and processes that descend from it: their births, ends, programs and the
 * files that they map to execute, and at each thread's end the nanoseconds that it has spent on @cpu. What comes
 * after the kernel has taken the event off an ending thread is missing: the teardown of its memory, 0.1 to 1 ms.
 * A child that shares its parent's set of events may get them exchanged with its parent's, and then no record
 * tells its time: perf_open_anchor() on the same thread, which is not inherited, makes the sets differ.
 */
int perf_open_lineage(pid_t tid, int cpu);
int perf_open_anchor(pid_t tid);

/* An event without ticks, to which a ring for other events of @cpu can be attached. */
int perf_open_ring_only(int cpu);

/* Lets the events of @fd go to the ring of @ring_fd, which is of the same CPU. */
int perf_redirect(int fd, int ring_fd);

/* What ticks of the event of @fd, and of those inherited from it, call it. 0 or negative errno. */
int perf_event_id(int fd, uint64_t *ret);

int perf_enable(int fd, bool on);

/* The event's ticks are @period_ns apart from now on; the next one comes a whole period from now. */
int perf_set_period(int fd, uint64_t period_ns);

/* For perf_wait(): ticks of @fd, until @stop_fd, an eventfd, is written to. */
int perf_wait_open(int fd, int stop_fd);

/* What perf_wait() has seen. */
enum perf_woken {
        PERF_TICKS,
        PERF_NOTHING, /* for @timeout_ms */
        PERF_END,     /* there are to be no more ticks: told to stop, or the CPU has gone offline */
};
enum perf_woken perf_wait(int wait_fd, int timeout_ms);

/* ---- rings --------------------------------------------------------------------- */

struct perf_ring {
        void *pages;
        size_t size;
        uint64_t lost; /* ticks that did not fit in */
};

/* @n_pages, a power of two, hold the records. */
int perf_ring_open(int fd, unsigned n_pages, struct perf_ring *ret);
void perf_ring_close(struct perf_ring *ring); /* accepts {0} */

bool perf_ring_is_empty(const struct perf_ring *ring);

/* A record with the longest name of a file in it. Longer ones are cut. */
#define PERF_RECORD_MAX 4352

/* Takes all records from the ring. Each is valid during its call only. */
typedef void (*perf_record_fn)(const struct perf_event_header *record, void *ctx);
void perf_ring_each(struct perf_ring *ring, perf_record_fn each, void *ctx);

/* Ticks of one thread found in the ring together. */
struct perf_batch {
        uint32_t pid, tid; /* in our PID namespace; pid 0: outside of it */
        uint64_t ticks;
        uint64_t time;  /* of the newest: CLOCK_MONOTONIC, ns */
        uint64_t id;    /* of the event that it came from: perf_event_id() */
        bool in_kernel; /* the newest: it met the thread in the kernel, not in its own code */
};

/*
 * Takes all ticks from the ring; those of one thread become one entry, in order
 * of first mention. Threads beyond @max count as lost. Returns the number of entries.
 */
size_t perf_ring_drain(struct perf_ring *ring, struct perf_batch *batch, size_t max);

#endif
