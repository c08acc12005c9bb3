/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer tick: absolute deadlines with a little jitter against lockstep;
 * missed ones are skipped and counted. Serves the modes that want threads off
 * the CPU as well (wall, gil), and cpu where perf events are refused.
 *
 * A sleeping thread holds still by itself. One that runs is held: by moving to
 * its CPU, where it is preempted, or, for the blocking engine, by ptrace.
 */
#include "internal.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Threads are listed this often, and never for more than a fiftieth of the time. */
#define LIST_NS 100000000ull
#define LIST_SHARE 50

/* Each deadline is moved by up to a quarter of a period, evenly to both sides. */
#define JITTER_DIVISOR 4

/*
 * A thread whose scheduler times have not moved for longer than the slowest
 * scheduler tick (CONFIG_HZ=100) has slept all along: its stack is what it was.
 */
#define STILL_NS 12000000ull

struct timer_tick {
        struct sampler *sampler;
        bool blocking;
        pthread_t thread;
        _Atomic bool stop;
        sem_t ready;
        bool realtime; /* known once it is ready */
        uint64_t random;
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
};

/* xorshift64*: enough for jitter. */
static uint64_t next_random(struct timer_tick *tick)
{
        tick->random ^= tick->random >> 12;
        tick->random ^= tick->random << 25;
        tick->random ^= tick->random >> 27;
        return tick->random * 0x2545f4914f6cdd1du;
}

/* ---- threads ---------------------------------------------------------------------- */

static void list_members(struct target *t, uint64_t now)
{
        if (now < t->list_at_ns)
                return;
        target_list_members(t);
        uint64_t cost = (clock_ns(CLOCK_MONOTONIC) - now) * LIST_SHARE;
        t->list_at_ns = now + (cost > LIST_NS ? cost : LIST_NS);
}

/*
 * Whether the thread has spent most of the time since the last look on a CPU; for
 * mode wall also waiting for one, since a thread that is ready to run does not idle.
 */
static bool has_run(const struct target *t, struct member *m, const struct moment *at, bool ready_counts)
{
        struct nsutil_times before = m->clock.times, now;

        if (m->clock.fd < 0 && nsutil_times_open(t->pid, m->tid, &m->clock.fd) != 0)
                return false;
        if (nsutil_times_read(m->clock.fd, &now) != 0)
                return false;
        m->clock.times = now;
        if (now.cpu_ns != before.cpu_ns || now.slices != before.slices) {
                m->clock.still_since_ns = at->now;
                m->clock.stack = 0;
        }
        uint64_t ran = now.cpu_ns - before.cpu_ns + (ready_counts ? now.wait_ns - before.wait_ns : 0);
        return before.slices != 0 && ran * 2 >= at->elapsed;
}

static struct tick_event event_of(const struct timer_tick *tick, const struct target *t, pid_t tid)
{
        return (struct tick_event){ .pid = t->pid, .tid = tid, .ns = atomic_load(&tick->sampler->period_ns), .cpu = tick->cpu };
}

/* Goes to the CPU that the thread is on, so that it holds still. */
static void move_to(struct timer_tick *tick, struct member *m)
{
        struct nsutil_stat stat;

        if (m->clock.stat_fd < 0 && nsutil_stat_open(m->tid, &m->clock.stat_fd) != 0)
                return;
        if (nsutil_stat_reread(m->clock.stat_fd, &stat) == 0 && stat.state == 'R' && stat.cpu != tick->cpu)
                tick->cpu = reader_pin(stat.cpu) ? stat.cpu : -1;
}

static void read_running(struct timer_tick *tick, struct target *t, struct member *m)
{
        struct stopped stopped;
        bool held = tick->blocking && thread_stop(m->tid, &stopped);

        if (!tick->blocking)
                move_to(tick, m);
        struct tick_event event = event_of(tick, t, m->tid);
        target_read(t, tick->sampler, &event, PROFILE_RUNNING);
        if (held)
                thread_release(&stopped);
}

static void read_idle(struct timer_tick *tick, struct target *t, struct member *m, const struct moment *at)
{
        struct tick_event event = event_of(tick, t, m->tid);
        bool still = at->now - m->clock.still_since_ns > STILL_NS;
        pid_t tid = m->tid;

        if (still && m->clock.stack) {
                target_add_known(t, tick->sampler, &event, m, m->clock.stack, PROFILE_IDLE);
                return;
        }
        profile_id stack = target_read(t, tick->sampler, &event, PROFILE_IDLE);
        HASH_FIND_INT(t->members, &tid, m);
        if (m && still)
                m->clock.stack = stack;
}

/* ---- the modes ---------------------------------------------------------------------- */

static void tick_threads(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        bool wall = tick->sampler->config.mode == PROFILE_MODE_WALL;
        struct member *m, *next;

        HASH_ITER(hh, t->members, m, next) {
                if (!m->thread)
                        continue;
                if (has_run(t, m, at, wall))
                        read_running(tick, t, m);
                else if (wall)
                        read_idle(tick, t, m, at);
        }
}

static struct member *find_holder(struct target *t)
{
        uint64_t holder;

        if (pystack_gil_holder(t->py, &holder) != 0 || !holder)
                return NULL;
        for (struct member *m = t->members; m; m = m->hh.next)
                if (m->thread && pystack_thread_tstate(m->thread) == holder)
                        return m;
        return NULL;
}

/* The holder may let go while the reader is on its way: then the tick is the next holder's, or nobody's. */
static void tick_gil(struct timer_tick *tick, struct target *t)
{
        struct member *m = find_holder(t);

        if (m && !tick->blocking) {
                move_to(tick, m);
                m = find_holder(t);
        }
        struct tick_event event = event_of(tick, t, m ? m->tid : 0);
        if (m)
                read_running(tick, t, m);
        else
                target_add_pseudo(t, tick->sampler, &event, "(idle)", PROFILE_IDLE);
}

static void tick_targets(struct timer_tick *tick, uint64_t missed)
{
        struct sampler *s = tick->sampler;
        struct moment at = { .now = clock_ns(CLOCK_MONOTONIC) };
        struct target *t, *next;

        at.elapsed = at.now - tick->last_ns;
        tick->last_ns = at.now;
        pthread_rwlock_rdlock(&s->lock);
        HASH_ITER(hh, s->targets, t, next) {
                pthread_mutex_lock(&t->lock);
                profile_counters(t->profile)->late += missed;
                list_members(t, at.now);
                if (s->config.mode == PROFILE_MODE_GIL)
                        tick_gil(tick, t);
                else
                        tick_threads(tick, t, &at);
                pthread_mutex_unlock(&t->lock);
        }
        pthread_rwlock_unlock(&s->lock);
}

/* ---- the clock ---------------------------------------------------------------------- */

static void sleep_until(uint64_t deadline)
{
        struct timespec at = { .tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

static void *run(void *arg)
{
        struct timer_tick *tick = arg;
        uint64_t due = clock_ns(CLOCK_MONOTONIC);

        tick->realtime = reader_realtime();
        sem_post(&tick->ready);
        tick->last_ns = due;
        while (!atomic_load(&tick->stop)) {
                uint64_t period = atomic_load(&tick->sampler->period_ns);
                uint64_t jitter = next_random(tick) % (period / JITTER_DIVISOR + 1);
                due += period;
                sleep_until(due + jitter - period / JITTER_DIVISOR / 2);
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
        *tick = (struct timer_tick){ .sampler = s, .blocking = blocking, .cpu = -1,
                                     .random = clock_ns(CLOCK_MONOTONIC) | 1 };
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
