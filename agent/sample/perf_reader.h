/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_READER_H
#define SAMPLE_PERF_READER_H

/*
 * The reader of one CPU: a thread that reads the running thread whenever that CPU's clock ticks. Callers hold
 * sampler->engine, or are alone with the engine.
 */

#include "internal.h"
#include "jitter.h"
#include "perf_event.h"
#include "post.h"

#include <semaphore.h>

struct perf_reader {
        struct sampler *sampler;
        bool machine; /* the reader has the clock of its CPU; false: it only has a ring, for targets' events */
        sem_t *ready; /* posted once @pinned, @realtime and @holds are known */
        struct post post;
        bool begun; /* the CPU's clock runs */
        int cpu;
        int fd;      /* the event that has the ring */
        int stop_fd; /* an eventfd: a write makes the reader end */
        int wait_fd; /* perf_wait_open()'s, for @fd and @stop_fd */
        struct perf_ring ring;
        struct perf_context *contexts; /* of the ticks that are being read; NULL: native stacks are not wanted */
        struct pystack_uninterrupted uninterrupted;
        struct jitter jitter;
        uint64_t vary_at_ns; /* when to draw the period anew (CLOCK_MONOTONIC) */
        uint64_t untold;     /* the number of ticks lost since a target was last read */
        bool pinned;         /* the reader is pinned to its CPU */
        bool realtime;       /* the reader has SCHED_FIFO */
        bool holds;          /* @uninterrupted can be used */

        _Atomic uint64_t lost;  /* the number of ticks lost since the reader was opened */
        _Atomic uint64_t turns; /* the number of times that the reader has emptied the ring */
        uint64_t turns_seen;    /* @turns at the last check */
        uint64_t count_seen;    /* the count of @fd at the last check */
        unsigned stalled;       /* checks in a row in which ticks waited and the reader had not moved */
        unsigned stands;        /* checks in a row in which the clock had not moved */
};

/*
 * Starts the reader of @cpu, with the sampler, machine and ready of @how. 0, or a negative errno: with -ENODEV the CPU
 * is offline, with others the kernel refuses. The caller owns *@ret, until it is closed or relieved.
 */
int perf_reader_open(const struct perf_reader *how, int cpu, struct perf_reader **ret);

/* Stops the reader. Accepts NULL. Returns the number of ticks that were lost since the reader was opened. */
uint64_t perf_reader_close(struct perf_reader *reader);

/*
 * Relieves *@reader, whose thread hangs at a target: starts another reader, which gets its CPU, events and ring.
 * *@reader becomes the new reader, or NULL if none can be started. False: the thread is at no target any more.
 */
bool perf_reader_relieve(struct perf_reader **reader);

/*
 * Whether the reader's clock has stopped since the last call: then its CPU has been offline. The last call must be at
 * least a second ago.
 */
bool perf_reader_has_stopped(struct perf_reader *reader);

/* Counts in @stalled whether ticks wait for the reader although it has not moved since the last call. */
void perf_reader_check(struct perf_reader *reader);

#endif
