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

#include <semaphore.h>

struct perf_reader {
        struct sampler *sampler;
        bool machine; /* has the CPU's own clock; else a ring only, for targets' events */
        sem_t *ready; /* posted once the last three are known */
        pthread_t thread;
        int cpu;
        int fd;      /* of the event that has the ring */
        int stop_fd; /* an eventfd: it is to end */
        int wait_fd; /* of perf_wait_open(), for both */
        bool running;
        struct perf_ring ring;
        struct pystack_hold hold;
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
 * Starts the reader of @cpu, @ret->sampler, machine and ready being set. -ENODEV: the CPU
 * is offline; other negative errnos: the kernel refuses.
 */
int perf_reader_open(struct perf_reader *ret, int cpu);

/* Stops it, if it runs. Returns how many ticks it has lost since it was opened. */
uint64_t perf_reader_close(struct perf_reader *reader);

/* Whether its clock has stopped since the last call, at least a second ago: its CPU has been offline. */
bool perf_reader_has_stopped(struct perf_reader *reader);

/* Notes whether ticks wait for it although it has not moved since the last call: see @reader->stalled. */
void perf_reader_check(struct perf_reader *reader);

#endif
