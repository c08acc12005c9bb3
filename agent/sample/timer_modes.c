/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sleeping thread holds still by itself. One that runs is held: by moving to its
 * CPU, where it is preempted, or, for the blocking engine, by ptrace.
 */
#include "timer_modes.h"

#include <stdatomic.h>

/* Long enough to tell whether a process runs, short enough that it does hardly anything else meanwhile. */
#define LOOK_NS 50000u

/* Threads are listed with every tick that has to know them, but for no more than a fiftieth of the time. */
#define LIST_SHARE 50

/*
 * A thread whose scheduler times have not moved for longer than the slowest
 * scheduler tick (CONFIG_HZ=100) has slept all along: its stack is what it was.
 */
#define STILL_NS 12000000ull

/* ---- threads ---------------------------------------------------------------------- */

static void list_members(struct target *t, uint64_t now)
{
        if (now < t->list_at_ns)
                return;
        members_list(t);
        t->list_at_ns = now + (clock_ns(CLOCK_MONOTONIC) - now) * LIST_SHARE;
}

static struct tick_event event_of(const struct timer_tick *tick, const struct target *t, pid_t tid, uint64_t count,
                                  const struct moment *at)
{
        return (struct tick_event){ .pid = t->pid, .tid = tid, .count = count,
                                    .ns = count * atomic_load(&tick->sampler->period_ns), .cpu = tick->cpu,
                                    .at_ns = at->now };
}

/* What the kernel says of the thread now. False if it has ended. */
static bool read_state(struct member *m, struct nsutil_stat *ret)
{
        if (m->clock.stat_fd < 0 && nsutil_stat_open(m->tid, &m->clock.stat_fd) != 0)
                return false;
        return nsutil_stat_reread(m->clock.stat_fd, ret) == 0;
}

/* Goes to the CPU that the thread is on, so that it holds still. */
static void move_to(struct timer_tick *tick, struct member *m)
{
        struct nsutil_stat stat;

        if (read_state(m, &stat) && stat.state == 'R' && stat.cpu != tick->cpu)
                tick->cpu = reader_pin(stat.cpu) ? stat.cpu : -1;
}

/* Reads a thread that runs, as @count samples. The member may be gone afterwards. */
static void read_running(struct timer_tick *tick, struct target *t, struct member *m, uint64_t count,
                         const struct moment *at)
{
        struct stopped stopped;
        bool held = tick->blocking && thread_stop(m->tid, &stopped);

        if (!tick->blocking)
                move_to(tick, m);
        struct tick_event event = event_of(tick, t, m->tid, count, at);
        target_read(t, tick->sampler, &event, PROFILE_RUNNING);
        if (held)
                thread_release(&stopped);
}

/* ---- mode cpu ----------------------------------------------------------------------- */

/* Threads that run at one moment: more than the CPUs of any machine. */
#define RUNNING_MAX 1024

static size_t find_running(struct target *t, pid_t ret[RUNNING_MAX])
{
        struct nsutil_stat stat;
        size_t n = 0;

        for (struct member *m = member_newest(t); m && n < RUNNING_MAX; m = member_before(m))
                if (read_state(m, &stat) && stat.state == 'R')
                        ret[n++] = m->tid;
        return n;
}

/* @samples among @n threads, evenly; the first one to get the rest is drawn. */
static void share_samples(struct timer_tick *tick, struct target *t, const pid_t *running, size_t n, uint64_t samples,
                          const struct moment *at)
{
        size_t first = jitter_phase(&tick->jitter, n) - 1;

        for (size_t i = 0; i < n; i++) {
                uint64_t count = samples / n + (i < samples % n);
                struct member *m;
                HASH_FIND_INT(t->members, &running[(first + i) % n], m);
                if (m && count > 0)
                        read_running(tick, t, m, count, at);
        }
}

/* The time of a thread that ended before it could be read is owed still. */
static uint64_t take_back_gone(struct profile_counters *counters, const struct profile_counters *before)
{
        uint64_t gone = counters->gone - before->gone, gone_ns = counters->gone_ns - before->gone_ns;

        counters->ticks -= gone;
        counters->gone -= gone;
        counters->gone_ns -= gone_ns;
        return gone_ns;
}

/*
 * A thread that is ready to run has state R as well as one that runs, but only what
 * runs moves the process's clock. So that is read twice, LOOK_NS apart.
 */
static bool has_run(struct target *t)
{
        uint64_t before = t->account.cpu_ns;

        return (account_read(&t->account) - before) * 2 >= LOOK_NS;
}

/*
 * What the process has used is owed until a tick finds a thread of it running, and
 * then counted as that thread's. A tick meets a function as often as it runs, so the
 * shares are right; and the sum is the kernel's, however short the bursts are.
 */
static bool cpu_is_due(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        (void)at;
        t->owed_ns += (int64_t)(account_read(&t->account) - t->owed_cpu_ns);
        t->owed_cpu_ns = t->account.cpu_ns;
        return t->owed_ns >= (int64_t)atomic_load(&tick->sampler->period_ns);
}

static void tick_cpu(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        int64_t period = (int64_t)atomic_load(&tick->sampler->period_ns);
        pid_t running[RUNNING_MAX];
        size_t n;

        if (!has_run(t))
                return;
        list_members(t, at->now);
        n = find_running(t, running);
        if (n == 0)
                return;
        const struct profile_counters before = *profile_counters(t->profile);
        share_samples(tick, t, running, n, (uint64_t)(t->owed_ns / period), at);
        t->owed_ns = t->owed_ns % period + (int64_t)take_back_gone(profile_counters(t->profile), &before);
}

/*
 * For the modes in which time passes whether anything runs or not: each tick stands
 * for the time since the last one, in whole samples; the rest is owed, and may be
 * negative. So a tick that was missed costs no time, only its stack.
 */
static bool elapsed_is_due(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        int64_t period = (int64_t)atomic_load(&tick->sampler->period_ns);

        t->owed_ns += (int64_t)at->elapsed;
        t->samples = t->owed_ns > 0 ? (uint64_t)((t->owed_ns + period / 2) / period) : 0;
        t->owed_ns -= (int64_t)t->samples * period;
        return t->samples > 0;
}

static void account_samples(const struct timer_tick *tick, struct target *t)
{
        profile_counters(t->profile)->accounted_ns += t->samples * atomic_load(&tick->sampler->period_ns);
}

/* ---- mode wall ---------------------------------------------------------------------- */

/* Notes whether the thread has been on a CPU since the last look. */
static void look_whether_still(const struct target *t, struct member *m, const struct moment *at)
{
        struct nsutil_times before = m->clock.times, now;

        if (m->clock.fd < 0 && nsutil_times_open(t->pid, m->tid, &m->clock.fd) != 0)
                return;
        if (nsutil_times_read(m->clock.fd, &now) != 0)
                return;
        m->clock.times = now;
        if (now.cpu_ns != before.cpu_ns || now.slices != before.slices) {
                m->clock.still_since_ns = at->now;
                m->clock.stack = 0;
        }
}

static void read_idle(struct timer_tick *tick, struct target *t, struct member *m, bool still, const struct moment *at)
{
        struct tick_event event = event_of(tick, t, m->tid, t->samples, at);
        pid_t tid = m->tid;
        profile_id stack = target_read(t, tick->sampler, &event, PROFILE_IDLE);

        HASH_FIND_INT(t->members, &tid, m);
        if (m && still)
                m->clock.stack = stack;
}

/* A thread that is ready to run does not idle, whether it has a CPU or not. */
static void tick_thread(struct timer_tick *tick, struct target *t, struct member *m, const struct moment *at)
{
        struct nsutil_stat stat;

        look_whether_still(t, m, at);
        bool still = at->now - m->clock.still_since_ns > STILL_NS;
        if (still && m->clock.stack) {
                struct tick_event event = event_of(tick, t, m->tid, t->samples, at);
                target_add_known(t, tick->sampler, &event, m, m->clock.stack, PROFILE_IDLE);
        } else if (read_state(m, &stat) && stat.state == 'R') {
                read_running(tick, t, m, t->samples, at);
        } else {
                read_idle(tick, t, m, still, at);
        }
}

/* A thread without Python counts while it runs: where it sleeps, nobody wants to know. */
static void tick_native(struct timer_tick *tick, struct target *t, struct member *m, const struct moment *at)
{
        struct nsutil_stat stat;

        if (!read_state(m, &stat) || stat.state != 'R')
                return;
        account_samples(tick, t);
        read_running(tick, t, m, t->samples, at);
}

static void tick_wall(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        struct member *before;

        list_members(t, at->now);
        members_introduce(t, tick->sampler);
        for (struct member *m = member_newest(t); m; m = before) {
                before = member_before(m);
                if (!m->thread) {
                        tick_native(tick, t, m, at);
                        continue;
                }
                account_samples(tick, t);
                tick_thread(tick, t, m, at);
        }
}

/* ---- mode gil ----------------------------------------------------------------------- */

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

/* Without a GIL every thread that runs has what the mode asks for. */
static void tick_without_gil(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        pid_t running[RUNNING_MAX];
        size_t n = find_running(t, running);

        for (size_t i = 0; i < n; i++) {
                struct member *m;
                HASH_FIND_INT(t->members, &running[i], m);
                if (!m)
                        continue;
                account_samples(tick, t);
                read_running(tick, t, m, t->samples, at);
        }
}

/* The holder may let go while the reader is on its way: then the tick is the next holder's, or nobody's. */
static void tick_gil(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        list_members(t, at->now);
        members_introduce(t, tick->sampler);
        if (!pystack_has_gil(t->py)) {
                tick_without_gil(tick, t, at);
                return;
        }
        struct member *m = find_holder(t);

        if (m && !tick->blocking) {
                move_to(tick, m);
                m = find_holder(t);
        }
        account_samples(tick, t);
        struct tick_event event = event_of(tick, t, m ? m->tid : 0, t->samples, at);
        if (m)
                read_running(tick, t, m, t->samples, at);
        else
                target_add_pseudo(t, tick->sampler, &event, "(idle)", PROFILE_IDLE);
}

const struct timer_mode timer_modes[] = {
        [PROFILE_MODE_CPU] = { .is_due = cpu_is_due, .serve = tick_cpu, .look_ns = LOOK_NS },
        [PROFILE_MODE_WALL] = { .is_due = elapsed_is_due, .serve = tick_wall },
        [PROFILE_MODE_GIL] = { .is_due = elapsed_is_due, .serve = tick_gil },
};
