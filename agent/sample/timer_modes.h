/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TIMER_MODES_H
#define SAMPLE_TIMER_MODES_H

/* What a tick of the timer does to each target, in each mode. */

#include "internal.h"
#include "jitter.h"
#include "post.h"
#include "visit.h"

#include <semaphore.h>

/* A clock of the machine or of a CPU, and the thread that serves the clock. */
struct timer_tick {
        struct sampler *sampler;
        bool blocking;
        int home; /* the CPU whose clock it is; -1: it is the machine's clock */
        struct post post;
        _Atomic bool stop;
        struct visit due; /* the targets that this tick may meet, weighed: see struct timer_mode. 0: passed over */
        sem_t *ready;     /* posted once @realtime is known */
        bool realtime;
        struct jitter jitter;
        uint64_t last_ns;       /* when the last tick was served */
        _Atomic uint64_t turns; /* the number of ticks served */
        uint64_t turns_seen;    /* @turns at the last check */
        unsigned stalled;       /* checks in a row in which @turns had not moved */
        int cpu;                /* the CPU to which this thread is pinned; -1: none */
        int newest_fd;          /* nsutil_newest_open()'s; -1: none */
        int spare_from;         /* descriptors of threads from this number on are not kept: see timer_spare() */

        /* A CPU's clock uses the members from here on. */
        struct pystack_uninterrupted uninterrupted;
        bool holds; /* @uninterrupted can be used */
        int own_fd; /* nsutil_last_ran_open()'s for this thread; -1: the clock cannot tell which thread it interrupts */
        /* when this tick put this thread on its CPU: nsutil_last_ran_read()'s; 0: not read yet */
        uint64_t on_cpu_since;
        bool asks;     /* this tick has interrupted a thread, and it is not known yet which one */
        long switches; /* timer_switches() when this tick woke this thread */
};

/* A tick of the timer. */
struct moment {
        uint64_t due;     /* when the tick was due (CLOCK_MONOTONIC) */
        uint64_t now;     /* when the tick came (CLOCK_MONOTONIC) */
        uint64_t elapsed; /* ns since the last tick */
        size_t n_targets; /* the number of all targets */
        uint64_t weight;  /* the number of samples that the tick counts as for the target that is served now */
};

/* What a tick does to a target in a mode. The target's lock is held, unless it is said otherwise. */
struct timer_mode {
        /*
         * The number of samples that this tick counts as if it meets the target. The target's lock is not held. 0: the
         * target is passed over. The average is 1. NULL: it is always 1.
         */
        uint64_t (*weigh)(struct timer_tick *tick, const struct target *target, const struct moment *at);
        /* Whether samples of the target are due. */
        bool (*is_due)(struct timer_tick *tick, struct target *target, const struct moment *at);
        /* Takes these samples: from the threads that run, or from all threads. */
        void (*serve)(struct timer_tick *tick, struct target *target, const struct moment *at);
        bool each_cpu; /* each CPU has a clock */
};
extern const struct timer_mode timer_modes[]; /* by profile_mode */

/*
 * Finds the new threads of the target, and those that have ended, if it is time to and there can be any. Returns
 * whether it has looked.
 */
bool timer_list_members(const struct timer_tick *tick, struct target *target);

/* The samples that the tick counts as if it meets thread @tid of the target, in modes wall and gil. */
struct tick_event timer_event(const struct timer_tick *tick, const struct target *target, pid_t tid,
                              const struct moment *at);

/* Adds the time of these samples to what is accounted. */
void timer_account(const struct timer_tick *tick, struct target *target);

/*
 * A thread may release the GIL while the reader moves to the thread's CPU. Then the reader follows the next holder, up
 * to this number of holders.
 */
#define HOLDERS_MAX 2

/* What the kernel says of the thread now. False if it has ended. */
bool timer_read_state(const struct target *target, struct member *member, struct nsutil_stat *ret);

/* If the thread is ready to run, goes to its CPU, so that it holds still. */
void timer_move_to_cpu_of(struct timer_tick *tick, const struct target *target, struct member *member);

/* Reads a thread that is ready to run on @cpu. Its member may be gone afterwards. */
void timer_read_ready(struct timer_tick *tick, struct target *target, int cpu, const struct tick_event *event);

/*
 * The kernel gives out the lowest number that is free. So if the number of a descriptor is high, there are not many more.
 * Then a thread's descriptors are closed after each look, so that there are some for the next thread.
 */
void timer_spare(const struct timer_tick *tick, struct member_clock *clock);
int timer_spare_from(void); /* by the limit as it is now */

/* Notes whether the target's CPU clock has moved since the last look. */
void timer_look_at_clock(struct target *target);

/* The number of times that the calling thread has left its CPU, willingly or not. -1: not known. */
long timer_switches(void);

/* Mode cpu: see timer_cpu.c. The clock's thread calls timer_cpu_begin() and timer_cpu_end(). */
void timer_cpu_begin(struct timer_tick *tick);
void timer_cpu_end(struct timer_tick *tick);
uint64_t timer_cpu_weigh(struct timer_tick *tick, const struct target *target, const struct moment *at);
bool timer_cpu_is_due(struct timer_tick *tick, struct target *target, const struct moment *at);
void timer_cpu_serve(struct timer_tick *tick, struct target *target, const struct moment *at);

/* Mode wall: see timer_wall.c. */
void timer_wall_serve(struct timer_tick *tick, struct target *target, const struct moment *at);

/* Mode gil, if samples are to say who waits for whom: see timer_blame.c. */
void timer_blame_serve(struct timer_tick *tick, struct target *target, const struct moment *at);

#endif
