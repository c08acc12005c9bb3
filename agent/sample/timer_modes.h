/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TIMER_MODES_H
#define SAMPLE_TIMER_MODES_H

/* What a tick of the timer does to each target, by mode. */

#include "internal.h"
#include "jitter.h"

#include <semaphore.h>

struct timer_tick {
        struct sampler *sampler;
        bool blocking;
        pthread_t thread;
        _Atomic bool stop;
        sem_t ready;
        bool realtime; /* known once it is ready */
        struct jitter jitter;
        uint64_t last_ns; /* when the last tick was served */
        _Atomic uint64_t turns; /* ticks served */
        uint64_t turns_seen;    /* at the last check */
        unsigned stalled;
        int cpu;          /* where this thread is pinned, -1: nowhere */
};

/* A tick. */
struct moment {
        uint64_t now;     /* CLOCK_MONOTONIC */
        uint64_t elapsed; /* ns since the last one */
};

/* What a tick does to a target, whose lock is held, in a mode. */
struct timer_mode {
        /* Whether the target is owed samples. */
        bool (*is_due)(struct timer_tick *tick, struct target *target, const struct moment *at);
        /* Gives them to those who run, or to all: at least @look_ns after is_due() has been asked. */
        void (*serve)(struct timer_tick *tick, struct target *target, const struct moment *at);
        uint64_t look_ns;
};
extern const struct timer_mode timer_modes[]; /* by profile_mode */

#endif
