/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TICK_H
#define SAMPLE_TICK_H

/* Engines, and the ticks that they make. */

#include "sample.h"

#include <stddef.h>

struct perf_context;
struct pending;
struct target;
struct wait_look;
struct jitter;

/* An engine: it says when to read which thread. */
struct tick {
        const char *name;
        enum sample_engine engine;
        /* Starts the engine's threads. 0, -errno, or SAMPLE_E_ENGINE with the reason. */
        int (*start)(struct sampler *sampler, void **ret, char *reason, size_t reason_size);
        void (*stop)(void *state);
        /* The thread @tid hangs at a target. If it is one of the engine's threads, another thread takes its place. */
        void (*relieve)(void *state, pid_t tid);
        /* Checks the readers: see sampler_check(). */
        void (*check)(void *state, struct sampler_health *ret);
        /* The sampler's period has changed. NULL: the engine looks the period up for every tick. */
        void (*set_period)(void *state);
        /* Prepares for @target, which no other thread knows yet. 0 or -errno. NULL: there is nothing to prepare. */
        int (*add)(void *state, struct target *target);
};

extern const struct tick tick_perf;
extern const struct tick tick_timer;
extern const struct tick tick_blocking;

/* A tick: a thread is to be read. */
struct tick_event {
        pid_t pid, tid;
        uint64_t count;    /* the number of samples that this reading counts as */
        uint64_t ns;       /* the time that these samples stand for */
        uint64_t late;     /* the number of ticks that came too late or were missed: they have no sample */
        int cpu;           /* the CPU to which the caller is pinned, and on which the thread was running */
        uint64_t event_id; /* perf tick: the event that ticked */
        uint64_t at_ns;    /* when it ticked (CLOCK_MONOTONIC) */
        bool in_kernel;    /* perf tick: the tick met the thread in the kernel */
        uint64_t woken_ns; /* perf tick: when the reader that the tick has woken began (CLOCK_MONOTONIC) */
        bool left;         /* perf tick: the reader has left its CPU since, so the thread may have run on */
        bool meets_all;    /* such ticks meet every thread alike, so the kernel's account can correct their number */
        const struct pystack_uninterrupted *uninterrupted; /* NULL: the caller cannot tell whether it is switched out */
        const struct perf_context *context; /* where the tick met the thread; NULL: not known, or not wanted */
        struct wait_look *look;             /* mode wall: why the thread does not run; NULL: it runs */
        struct pending *held;  /* mode wall: gets the sample, which is not counted yet; NULL: it is counted */
        struct jitter *jitter; /* draws the next period of a thread's own event; NULL: the tick is of no such event */
};

#endif
