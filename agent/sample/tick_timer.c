/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer tick: absolute deadlines, each drawn anew against lockstep; missed
 * ones are skipped and counted. Serves the modes that want threads off
 * the CPU as well (wall, gil), and cpu where perf events are refused.
 */
#include "timer_modes.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void sleep_until(uint64_t deadline)
{
        struct timespec at = { .tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

/* Notes which targets are owed samples. Returns whether any is. */
static bool find_due(struct timer_tick *tick, uint64_t missed, const struct moment *at)
{
        struct sampler *s = tick->sampler;
        bool any = false;

        pthread_rwlock_rdlock(&s->lock);
        for (struct target *t = s->targets; t; t = t->hh.next) {
                pthread_mutex_lock(&t->lock);
                profile_counters(t->profile)->late += missed;
                t->due = timer_modes[s->config.mode].is_due(tick, t, at);
                any = any || t->due;
                pthread_mutex_unlock(&t->lock);
        }
        pthread_rwlock_unlock(&s->lock);
        return any;
}

static void serve_due(struct timer_tick *tick, const struct moment *at)
{
        struct sampler *s = tick->sampler;

        pthread_rwlock_rdlock(&s->lock);
        for (struct target *t = s->targets; t; t = t->hh.next) {
                pthread_mutex_lock(&t->lock);
                if (t->due)
                        timer_modes[s->config.mode].serve(tick, t, at);
                t->due = false;
                pthread_mutex_unlock(&t->lock);
        }
        pthread_rwlock_unlock(&s->lock);
}

static void tick_targets(struct timer_tick *tick, uint64_t missed)
{
        struct moment at = { .now = clock_ns(CLOCK_MONOTONIC) };
        uint64_t look_ns = timer_modes[tick->sampler->config.mode].look_ns;

        at.elapsed = at.now - tick->last_ns;
        tick->last_ns = at.now;
        if (!find_due(tick, missed, &at))
                return;
        if (look_ns > 0)
                sleep_until(clock_ns(CLOCK_MONOTONIC) + look_ns);
        serve_due(tick, &at);
}

/* ---- the clock ---------------------------------------------------------------------- */

static void *run(void *arg)
{
        struct timer_tick *tick = arg;
        uint64_t due = clock_ns(CLOCK_MONOTONIC);

        tick->realtime = reader_realtime();
        sem_post(&tick->ready);
        tick->last_ns = due;
        while (!atomic_load(&tick->stop)) {
                uint64_t period = atomic_load(&tick->sampler->period_ns);
                due += jitter_interval(&tick->jitter, period);
                sleep_until(due);
                uint64_t now = clock_ns(CLOCK_MONOTONIC);
                uint64_t missed = now > due + period ? (now - due) / period : 0;
                due += missed * period;
                tick_targets(tick, missed);
                atomic_fetch_add(&tick->turns, 1);
        }
        return NULL;
}

static void check(void *state, struct sampler_health *ret)
{
        struct timer_tick *tick = state;
        uint64_t turns = atomic_load(&tick->turns);

        tick->stalled = turns == tick->turns_seen ? tick->stalled + 1 : 0;
        tick->turns_seen = turns;
        *ret = (struct sampler_health){ .stalled = tick->stalled };
}

static int start_clock(struct sampler *s, bool blocking, void **ret, char *reason, size_t reason_size)
{
        struct timer_tick *tick = calloc(1, sizeof *tick);

        if (!tick)
                return -ENOMEM;
        *tick = (struct timer_tick){ .sampler = s, .blocking = blocking, .cpu = -1 };
        jitter_init(&tick->jitter);
        sem_init(&tick->ready, 0, 0);
        int e = pthread_create(&tick->thread, NULL, run, tick);
        if (e != 0) {
                snprintf(reason, reason_size, "a thread cannot be started: %s", strerror(e));
                free(tick);
                return -e;
        }
        while (sem_wait(&tick->ready) < 0)
                ;
        snprintf(s->description, sizeof s->description, "%s, %s",
                 blocking ? "timer tick, threads stopped by ptrace" : "timer tick",
                 reader_realtime_text(tick->realtime));
        *ret = tick;
        return 0;
}

static int start(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        return start_clock(s, false, ret, reason, reason_size);
}

static int start_blocking(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        return start_clock(s, true, ret, reason, reason_size);
}

static void stop(void *state)
{
        struct timer_tick *tick = state;

        atomic_store(&tick->stop, true);
        pthread_join(tick->thread, NULL);
        sem_destroy(&tick->ready);
        free(tick);
}

const struct tick tick_timer = {
        .name = "timer",
        .engine = SAMPLE_ENGINE_TIMER,
        .start = start,
        .stop = stop,
        .check = check,
};

const struct tick tick_blocking = {
        .name = "blocking",
        .engine = SAMPLE_ENGINE_BLOCKING,
        .start = start_blocking,
        .stop = stop,
        .check = check,
};
