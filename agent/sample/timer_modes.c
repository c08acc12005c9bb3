/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sleeping thread holds still by itself. A thread that runs is made to hold still. The reader moves to the thread's
 * CPU and preempts it there; the blocking engine stops it by ptrace.
 */
#include "timer_modes.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Threads are listed if a thread was born since the last list. The next list waits ten times as long as the last list
 * took.
 */
#define LIST_SHARE 10

/* ---- threads ---------------------------------------------------------------------- */

bool timer_list_members(const struct timer_tick *tick, struct target *t)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        pid_t newest = 0;

        if (begin < t->list_at_ns)
                return false;
        if (tick->newest_fd >= 0 && nsutil_newest_read(tick->newest_fd, &newest) == 0 && newest == t->newest)
                return false;
        t->newest = newest;
        members_list(t);
        uint64_t end = clock_ns(CLOCK_MONOTONIC);
        t->list_at_ns = end + (end - begin) * LIST_SHARE;
        return true;
}

void timer_look_at_clock(struct target *t)
{
        uint64_t used = account_read(&t->account);

        if (used > t->seen_cpu_ns)
                atomic_store(&t->moved_ns, clock_ns(CLOCK_MONOTONIC));
        t->seen_cpu_ns = used;
}

struct tick_event timer_event(const struct timer_tick *tick, const struct target *t, pid_t tid, const struct moment *at)
{
        return (struct tick_event){ .pid = t->pid,
                                    .tid = tid,
                                    .count = t->samples,
                                    .ns = t->samples * atomic_load(&tick->sampler->period_ns),
                                    .cpu = tick->cpu,
                                    .at_ns = at->now };
}

bool timer_read_state(const struct target *t, struct member *m, struct nsutil_stat *ret)
{
        if (m->clock.stat_fd < 0 && nsutil_stat_open(t->pid, m->tid, &m->clock.stat_fd) != 0)
                return false;
        return nsutil_stat_reread(m->clock.stat_fd, ret) == 0;
}

/* This part of the descriptors is left to all that is not a thread's. */
#define SPARE_PART 4

int timer_spare_from(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
                return INT_MAX;
        return (int)(limit.rlim_cur - limit.rlim_cur / SPARE_PART);
}

void timer_spare(const struct timer_tick *tick, struct member_clock *clock)
{
        struct nsutil_wait_thread *files = &clock->files;
        int *const fds[] = { &clock->fd, &clock->stat_fd };

        /* the last one that was opened is the highest, as a rule */
        if (files->stat >= tick->spare_from || files->channel >= tick->spare_from)
                nsutil_wait_close(files);
        for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
                if (*fds[i] < tick->spare_from)
                        continue;
                close(*fds[i]);
                *fds[i] = -1;
        }
}

/* Goes to @cpu, where a thread runs, so that it holds still. */
static void move_to(struct timer_tick *tick, int cpu)
{
        if (cpu != tick->cpu)
                tick->cpu = reader_pin(cpu) ? cpu : -1;
}

void timer_move_to_cpu_of(struct timer_tick *tick, const struct target *t, struct member *m)
{
        struct nsutil_stat stat;

        if (timer_read_state(t, m, &stat) && stat.state == 'R')
                move_to(tick, stat.cpu);
}

void timer_read_ready(struct timer_tick *tick, struct target *t, int cpu, const struct tick_event *event)
{
        struct tick_event here = *event;
        struct stopped stopped;
        bool held = tick->blocking && thread_stop(event->tid, &stopped);

        if (!tick->blocking)
                move_to(tick, cpu);
        here.cpu = tick->cpu;
        target_read(t, tick->sampler, &here, event->look ? PROFILE_IDLE : PROFILE_RUNNING);
        if (held)
                thread_release(&stopped);
}

/* ---- modes that count elapsed time ----------------------------------------------------- */

/*
 * For modes wall and gil, in which time passes whether a thread runs or not. Each tick stands for the time since the
 * last tick, in whole samples. @owed_ns keeps the rest, which may be negative. So a missed tick costs no time, only its
 * stack.
 */
static bool is_any_sample_due(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        int64_t period = (int64_t)atomic_load(&tick->sampler->period_ns);

        t->owed_ns += (int64_t)at->elapsed;
        t->samples = t->owed_ns > 0 ? (uint64_t)((t->owed_ns + period / 2) / period) : 0;
        t->owed_ns -= (int64_t)t->samples * period;
        return t->samples > 0;
}

void timer_account(const struct timer_tick *tick, struct target *t)
{
        profile_counters(t->profile)->accounted_ns += t->samples * atomic_load(&tick->sampler->period_ns);
}

/* ---- mode gil ----------------------------------------------------------------------- */

static struct member *gil_holding_member(struct target *t)
{
        uint64_t holder;

        if (pystack_gil_holder(t->py, &holder) != 0 || !holder)
                return NULL;
        for (struct member *m = t->members; m; m = m->hh.next)
                if (m->thread && pystack_thread_tstate(m->thread) == holder)
                        return m;
        return NULL;
}

/* The number of ready threads that a tick reads at most. Hardly any machine has more CPUs. */
#define RUNNING_MAX 1024

struct running {
        pid_t tid;
        int cpu;
};

static size_t list_running(struct target *t, struct running ret[RUNNING_MAX])
{
        struct nsutil_stat stat;
        size_t n = 0;

        for (struct member *m = member_newest(t); m && n < RUNNING_MAX; m = member_before(m))
                if (timer_read_state(t, m, &stat) && stat.state == 'R')
                        ret[n++] = (struct running){ m->tid, stat.cpu };
        return n;
}

/* Reads every thread that is ready to run, since no GIL keeps it from running Python. */
static void tick_without_gil(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        struct running running[RUNNING_MAX];
        size_t n = list_running(t, running);

        for (size_t i = 0; i < n; i++) {
                struct member *m;
                HASH_FIND_INT(t->members, &running[i].tid, m);
                if (!m)
                        continue;
                timer_account(tick, t);
                struct tick_event event = timer_event(tick, t, m->tid, at);
                timer_read_ready(tick, t, running[i].cpu, &event);
        }
}

/* Goes to the CPU of the thread that has the GIL, and returns the thread. NULL: no thread has the GIL. */
static struct member *follow_holder(struct timer_tick *tick, struct target *t)
{
        struct member *before = NULL, *m = gil_holding_member(t);

        if (tick->blocking)
                return m;
        for (int i = 0; m && m != before && i < HOLDERS_MAX; i++) {
                timer_move_to_cpu_of(tick, t, m);
                before = m;
                m = gil_holding_member(t);
        }
        return m;
}

static void tick_gil(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        timer_list_members(tick, t);
        members_introduce(t, tick->sampler);
        if (!pystack_has_gil(t->py)) {
                tick_without_gil(tick, t, at);
                return;
        }
        struct member *m = follow_holder(tick, t);
        timer_account(tick, t);
        struct tick_event event = timer_event(tick, t, m ? m->tid : 0, at);
        if (m)
                timer_read_ready(tick, t, tick->cpu, &event);
        else
                target_add_pseudo(t, tick->sampler, &event, "(idle)", PROFILE_IDLE);
}

const struct timer_mode timer_modes[] = {
        [PROFILE_MODE_CPU] = { .weigh = timer_cpu_weigh,
                               .is_due = timer_cpu_is_due,
                               .serve = timer_cpu_serve,
                               .each_cpu = true },
        [PROFILE_MODE_WALL] = { .is_due = is_any_sample_due, .serve = timer_wall_serve },
        [PROFILE_MODE_GIL] = { .is_due = is_any_sample_due, .serve = tick_gil },
        [PROFILE_MODE_BLAME] = { .is_due = is_any_sample_due, .serve = timer_blame_serve },
};
