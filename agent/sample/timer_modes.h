/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TIMER_MODES_H
#define SAMPLE_TIMER_MODES_H

/* What a tick of the timer does to each target, by mode. */

#include "internal.h"
#include "jitter.h"
#include "post.h"

#include <semaphore.h>

/* A target that a tick may meet. */
struct due {
        _Atomic(struct target *) target; /* with a user for whoever takes it; NULL: it is taken */
        uint64_t weight; /* as how many samples the tick counts if it meets the target; 0: it is passed over */
};

/* A clock, and the thread that serves it: of the machine, or of a CPU. */
struct timer_tick {
        struct sampler *sampler;
        bool blocking;
        int home; /* the CPU whose clock it is, -1: the machine's */
        struct post post;
        _Atomic bool stop;
        struct due *due; /* those of this tick */
        size_t n_due, cap_due;
        sem_t *ready; /* posted once @realtime is known */
        bool realtime;
        struct jitter jitter;
        uint64_t last_ns;       /* when the last tick was served */
        _Atomic uint64_t turns; /* ticks served */
        uint64_t turns_seen;    /* at the last check */
        unsigned stalled;
        int cpu;       /* where this thread is pinned, -1: nowhere */
        int newest_fd; /* of nsutil_newest_open(), -1: none */

        /* Of a CPU's clock. */
        struct pystack_uninterrupted uninterrupted;
        bool holds;
        int own_fd; /* of nsutil_last_ran_open() for this thread, -1: it cannot tell whom it interrupts */
        uint64_t
                on_cpu_since; /* when this tick put this thread on its CPU, as nsutil_last_ran_read() says; 0: not read */
        bool asks;            /* this tick has interrupted somebody, and it is not known yet whom */
        long switches;        /* timer_switches() when this tick woke it */
};

/* A tick. */
struct moment {
        uint64_t due;     /* CLOCK_MONOTONIC */
        uint64_t now;     /* CLOCK_MONOTONIC */
        uint64_t elapsed; /* ns since the last one */
        size_t n_targets; /* that there are */
        uint64_t weight;  /* as how many samples this tick counts for the target that it is at */
};

/* What a tick does to a target, whose lock is held, in a mode. */
struct timer_mode {
        /*
         * As how many samples this tick counts if it meets the target, whose lock is not held. 0: it is passed over.
         * On average 1. NULL: always 1.
         */
        uint64_t (*weigh)(struct timer_tick *tick, const struct target *target, const struct moment *at);
        /* Whether the target is owed samples. */
        bool (*is_due)(struct timer_tick *tick, struct target *target, const struct moment *at);
        /* Gives them to those who run, or to all. */
        void (*serve)(struct timer_tick *tick, struct target *target, const struct moment *at);
        bool each_cpu; /* each CPU has a clock */
};
extern const struct timer_mode timer_modes[]; /* by profile_mode */

/* Finds new threads of the target, and those that have ended, where it is time to and there can be any. Whether it looked. */
bool timer_list_members(const struct timer_tick *tick, struct target *target);

/* Notes whether the target's CPU clock has moved by more than @ignored_ns since the last look. */
void timer_look_at_clock(struct target *target, uint64_t ignored_ns);

/* How often the calling thread has left its CPU, willingly or not. -1: not known. */
long timer_switches(void);

/* Mode cpu, in timer_cpu.c. Begin and end are called by the clock's thread. */
void timer_cpu_begin(struct timer_tick *tick);
void timer_cpu_end(struct timer_tick *tick);
uint64_t timer_cpu_weigh(struct timer_tick *tick, const struct target *target, const struct moment *at);
bool timer_cpu_is_due(struct timer_tick *tick, struct target *target, const struct moment *at);
void timer_cpu_serve(struct timer_tick *tick, struct target *target, const struct moment *at);

#endif
