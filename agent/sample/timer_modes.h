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

/* What one tick stands for. */
struct moment {
        uint64_t now;
        uint64_t elapsed; /* ns since the last one */
        uint64_t missed;  /* of it, ns of ticks that were missed */
};

/* Serves one tick of a target, whose lock is held: a function for each profile_mode. */
typedef void (*timer_mode_fn)(struct timer_tick *tick, struct target *target, const struct moment *at);
extern const timer_mode_fn timer_modes[];

#endif
