/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_READER_H
#define SAMPLE_PERF_READER_H

/*
 * The thread that reads what runs on one CPU whenever that CPU's clock ticks. All
 * functions are called by the thread that has opened the sampler.
 */

#include "internal.h"
#include "jitter.h"
#include "perf_event.h"
#include "post.h"

#include <semaphore.h>

struct perf_reader {
        struct sampler *sampler;
        bool machine; /* has the CPU's own clock; else a ring only, for targets' events */
        sem_t *ready; /* posted once the last three are known */
        struct post post;
        bool begun; /* the CPU's clock runs */
        int cpu;
        int fd;      /* of the event that has the ring */
        int stop_fd; /* an eventfd: it is to end */
        int wait_fd; /* of perf_wait_open(), for both */
        struct perf_ring ring;
        struct pystack_uninterrupted uninterrupted;
        struct jitter jitter;
        uint64_t vary_at_ns; /* when the period is to be drawn anew, CLOCK_MONOTONIC */
        uint64_t untold;     /* ticks lost since a target was last read */
        bool pinned, realtime, holds;

        _Atomic uint64_t lost;           /* since it was started */
        _Atomic uint64_t turns;          /* how often it has emptied the ring */
        uint64_t turns_seen, count_seen; /* at the last check */
        unsigned stalled, stands;        /* checks in a row in which it, or its clock, has not moved */
};

/*
 * Starts the reader of @cpu, as @how has sampler, machine and ready. -ENODEV: the CPU is offline; other negative errnos:
 * the kernel refuses. *@ret is the caller's, until it is closed or relieved.
 */
int perf_reader_open(const struct perf_reader *how, int cpu, struct perf_reader **ret);

/* Stops it; accepts NULL. Returns how many ticks it has lost since it was opened. */
uint64_t perf_reader_close(struct perf_reader *reader);

/*
 * Lets another one have what *@reader has, whose thread hangs at a target, and puts it in its place: NULL if none can be
 * started. False if the thread is at no target any more.
 */
bool perf_reader_relieve(struct perf_reader **reader);

/* Whether its clock has stopped since the last call, at least a second ago: its CPU has been offline. */
bool perf_reader_has_stopped(struct perf_reader *reader);

/* Notes whether ticks wait for it although it has not moved since the last call: see @reader->stalled. */
void perf_reader_check(struct perf_reader *reader);

#endif
