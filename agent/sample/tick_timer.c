/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer tick: absolute deadlines with a little jitter against lockstep;
 * missed ones are skipped and counted. Serves the modes that want threads off
 * the CPU as well (wall, gil), and cpu where perf events are refused.
 *
 * A sleeping thread holds still by itself. For one that runs, the reader moves
 * to that thread's CPU before it reads, so that the thread is preempted.
 */
#include "internal.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often a target's threads are listed anew. */
#define LIST_NS 100000000ull

/* Each deadline is moved by up to a quarter of a period, evenly to both sides. */
#define JITTER_DIVISOR 4

struct timer_tick {
        struct sampler *sampler;
        pthread_t thread;
        _Atomic bool stop;
        _Atomic int realtime; /* -1: not known yet */
        uint64_t random;
        uint64_t last_ns; /* when the last tick was served */
        int cpu;          /* where this thread is pinned, -1: nowhere */
};

/* xorshift64*: enough for jitter. */
static uint64_t next_random(struct timer_tick *tick)
{
        tick->random ^= tick->random >> 12;
        tick->random ^= tick->random << 25;
        tick->random ^= tick->random >> 27;
        return tick->random * 0x2545f4914f6cdd1du;
}

/* ---- threads of a target ------------------------------------------------------------ */

static void list_members(struct target *t, uint64_t now)
{
        struct nsutil_thread *threads;
        size_t n;

        if (now - t->members_ns < LIST_NS && t->members_ns != 0)
                return;
        t->members_ns = now;
        if (nsutil_threads_read(t->pid, &threads, &n) != 0)
                return;
        for (size_t i = 0; i < n; i++)
                target_member(t, threads[i].tid);
        free(threads);
}

/*
 * Whether the thread has spent most of the time since the last look on a CPU.
 * The kernel brings schedstat up to date at its own ticks and at every switch.
 */
static bool has_run(struct target *t, struct member *m, uint64_t elapsed)
{
        uint64_t cpu_ns, before = m->cpu_ns;

        if (nsutil_thread_cpu_ns(t->pid, m->tid, &cpu_ns) != 0)
                return false;
        m->cpu_ns = cpu_ns;
        return before != 0 && (cpu_ns - before) * 2 >= elapsed;
}

/* Goes to the CPU that the thread is on, so that it holds still. */
static void move_to(struct timer_tick *tick, pid_t tid)
{
        struct nsutil_stat stat;

        if (nsutil_stat_read(tid, &stat) == 0 && stat.state == 'R' && stat.cpu != tick->cpu)
                tick->cpu = reader_pin(stat.cpu) ? stat.cpu : -1;
}

static void read_member(struct timer_tick *tick, struct target *t, const struct member *m, uint64_t ticks,
                        enum profile_state state)
{
        struct tick_event event = { .pid = t->pid, .tid = m->tid, .ticks = ticks, .cpu = tick->cpu };

        target_read(t, tick->sampler, &event, state);
}

/* ---- the modes ---------------------------------------------------------------------- */

static void tick_threads(struct timer_tick *tick, struct target *t, uint64_t ticks, uint64_t elapsed)
{
        struct sampler *s = tick->sampler;
        struct member *m, *next;

        HASH_ITER(hh, t->members, m, next) {
                bool running = has_run(t, m, elapsed);
                if (!m->thread || (!running && s->config.mode == PROFILE_MODE_CPU))
                        continue;
                if (running)
                        move_to(tick, m->tid);
                read_member(tick, t, m, ticks, running ? PROFILE_RUNNING : PROFILE_IDLE);
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
static void tick_gil(struct timer_tick *tick, struct target *t, uint64_t ticks)
{
        struct sampler *s = tick->sampler;
        struct member *m = find_holder(t);

        if (m) {
                move_to(tick, m->tid);
                m = find_holder(t);
        }
        if (m)
                read_member(tick, t, m, ticks, PROFILE_RUNNING);
        else
                target_add_pseudo(t, s, "(idle)", ticks, PROFILE_IDLE);
}

static void tick_targets(struct timer_tick *tick, uint64_t missed)
{
        struct sampler *s = tick->sampler;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        uint64_t elapsed = now - tick->last_ns, ticks = 1 + missed;
        struct target *t, *next;

        tick->last_ns = now;
        pthread_rwlock_rdlock(&s->lock);
        HASH_ITER(hh, s->targets, t, next) {
                pthread_mutex_lock(&t->lock);
                profile_counters(t->profile)->late += missed;
                list_members(t, now);
                if (s->config.mode == PROFILE_MODE_GIL)
                        tick_gil(tick, t, ticks);
                else
                        tick_threads(tick, t, ticks, elapsed);
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
        uint64_t period = tick->sampler->period_ns;
        uint64_t due = clock_ns(CLOCK_MONOTONIC);

        atomic_store(&tick->realtime, reader_realtime());
        tick->last_ns = due;
        while (!atomic_load(&tick->stop)) {
                uint64_t jitter = next_random(tick) % (period / JITTER_DIVISOR + 1);
                due += period;
                sleep_until(due + jitter - period / JITTER_DIVISOR / 2);
                uint64_t now = clock_ns(CLOCK_MONOTONIC);
                uint64_t missed = now > due + period ? (now - due) / period : 0;
                due += missed * period;
                tick_targets(tick, missed);
        }
        return NULL;
}

static int start(struct sampler *s, void **ret, char *reason, size_t reason_size)
{
        struct timer_tick *tick = calloc(1, sizeof *tick);

        if (!tick)
                return -ENOMEM;
        *tick = (struct timer_tick){ .sampler = s, .realtime = -1, .cpu = -1, .random = clock_ns(CLOCK_MONOTONIC) | 1 };
        int e = pthread_create(&tick->thread, NULL, run, tick);
        if (e != 0) {
                snprintf(reason, reason_size, "a thread cannot be started: %s", strerror(e));
                free(tick);
                return -e;
        }
        while (atomic_load(&tick->realtime) < 0)
                sched_yield();
        snprintf(s->description, sizeof s->description, "timer tick%s",
                 atomic_load(&tick->realtime) ? ", SCHED_FIFO" : ", no SCHED_FIFO (CAP_SYS_NICE)");
        *ret = tick;
        return 0;
}

static void stop(void *state)
{
        struct timer_tick *tick = state;

        atomic_store(&tick->stop, true);
        pthread_join(tick->thread, NULL);
        free(tick);
}

const struct tick tick_timer = {
        .name = "timer",
        .engine = SAMPLE_ENGINE_TIMER,
        .start = start,
        .stop = stop,
};
