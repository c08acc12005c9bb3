/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_EVENT_H
#define SAMPLE_PERF_EVENT_H

/*
 * perf_event_open(2), as far as ticks need it: software clock events, and the
 * rings that they write to. All functions that return a descriptor (owned by the
 * caller, close-on-exec) return a negative errno on failure.
 */

#include "perf_context.h"

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens an event that ticks for every @period_ns for which @cpu is not idle, whatever runs. It starts disabled.
 * @contexts: each record has a context, for perf_ring_drain().
 */
int perf_open_cpu(int cpu, uint64_t period_ns, bool contexts);

/*
 * Opens an event that ticks for every @period_ns that thread @tid spends on @cpu; and likewise for each thread that it
 * starts from now on. The event starts enabled. With @user_only the event does not tick while the thread is in the
 * kernel. Without CAP_PERFMON nothing else is granted if kernel.perf_event_paranoid is 2.
 */
int perf_open_thread(pid_t tid, int cpu, uint64_t period_ns, bool user_only);

/*
 * Opens a counter of the nanoseconds that thread @pid and all threads that it starts spend on CPUs. read(2) returns the
 * count, also when the threads have ended. Child processes are not counted. -EINVAL before Linux 5.13.
 */
int perf_open_count(pid_t pid);

/*
 * Opens a counter of the calls of the function at @address that thread @tid and all threads that it starts make from now on.
 * It takes one of the CPU's four registers for breakpoints while such a thread runs. A call is counted before its first
 * instruction, and takes the thread 17 us on a virtual machine. read(2) returns the count, also of threads that have ended. -ENOSPC: no
 * register is left. -EINVAL before Linux 5.13.
 */
int perf_open_calls(pid_t tid, uint64_t address);

/*
 * Opens an event that records what happens to thread @tid, and to all threads and processes that descend from it: their
 * births, ends and programs, the files that they map to execute, and at each thread's end the nanoseconds that the
 * thread has spent on @cpu. The time after the kernel has taken the event off an ending thread is missing: that is the
 * teardown of its memory, 0.1 to 1 ms.
 * If a child has the same set of events as its parent, the kernel may exchange the sets, and then no record has the
 * child's time. perf_open_anchor() on the same thread opens an event that is not inherited, so the sets differ.
 */
int perf_open_lineage(pid_t tid, int cpu);
int perf_open_anchor(pid_t tid);

/*
 * Opens an event that records when each thread gets @cpu and when it leaves @cpu, and the births and ends of threads. It
 * wakes nobody. See perf_switch_read().
 */
int perf_open_switches(int cpu);

/* Opens an event without ticks. A ring for other events of @cpu can be attached to it. */
int perf_open_ring_only(int cpu);

/* Makes the records of event @fd go to the ring of @ring_fd, an event of the same CPU. 0 or negative errno. */
int perf_redirect(int fd, int ring_fd);

/* The id that ticks of event @fd, and of the events inherited from it, bear. 0 or negative errno. */
int perf_event_id(int fd, uint64_t *ret);

/* Enables or disables an event. 0 or negative errno. */
int perf_enable(int fd, bool on);

/* Sets the period of an event. The next tick comes a whole period from now. 0 or negative errno. */
int perf_set_period(int fd, uint64_t period_ns);

/* ---- rings --------------------------------------------------------------------- */

struct perf_ring {
        void *pages;
        size_t size;
        uint64_t lost; /* the number of ticks for which the ring had no room */
};

/* Maps the ring of event @fd. @n_pages, a power of two, hold its records. 0 or negative errno. */
int perf_ring_open(int fd, unsigned n_pages, struct perf_ring *ret);
void perf_ring_close(struct perf_ring *ring); /* accepts {0} */

bool perf_ring_is_empty(const struct perf_ring *ring);

/* The bytes of a record with the longest file name. Longer records are cut. */
#define PERF_RECORD_MAX 4352

/*
 * Whether the ring may have had no room for a record. The kernel tells of lost records only when there is room again,
 * with the next record.
 */
bool perf_ring_is_full(const struct perf_ring *ring);

/* Takes all records from the ring. A record is valid during its call of @each only. */
typedef void (*perf_record_fn)(const struct perf_event_header *record, void *ctx);
void perf_ring_each(struct perf_ring *ring, perf_record_fn each, void *ctx);

/* What the records of perf_open_switches() say. */
enum perf_switch_kind {
        PERF_SWITCH_ON,        /* the thread has got the CPU */
        PERF_SWITCH_BLOCKED,   /* it has left the CPU, and waits for something */
        PERF_SWITCH_PREEMPTED, /* it has left the CPU, and is ready to run */
        PERF_SWITCH_BORN,      /* it was born, and is ready to run */
        PERF_SWITCH_ENDS,      /* it is about to end */
        PERF_SWITCH_LOST,      /* the ring had no room for some records. No thread */
};
struct perf_switch {
        uint32_t pid, tid; /* in our PID namespace; 0: outside of it, or the idle thread */
        enum perf_switch_kind kind;
        uint64_t time; /* CLOCK_MONOTONIC, ns */
};

/* Reads a record of perf_open_switches(). False: it tells nothing of the above. */
bool perf_switch_read(const struct perf_event_header *record, struct perf_switch *ret);

/* The ticks of one thread that were in the ring together. */
struct perf_batch {
        uint32_t pid, tid; /* in our PID namespace; pid 0: the process is outside of it */
        uint64_t ticks;    /* the number of ticks */
        uint64_t time;     /* when the newest tick came: CLOCK_MONOTONIC, ns */
        uint64_t id;       /* the event that the newest tick came from: perf_event_id() */
        bool in_kernel;    /* the newest tick met the thread in the kernel, not in the thread's own code */
};

/*
 * Takes all ticks from the ring. The ticks of one thread become one entry. The entries are in the order of their first
 * ticks. Ticks of threads beyond @max entries count as lost. Returns the number of entries. @contexts: NULL if the
 * event records none, or room for @max: those of the newest ticks.
 */
size_t perf_ring_drain(struct perf_ring *ring, struct perf_batch *batch, struct perf_context *contexts, size_t max);

#endif
