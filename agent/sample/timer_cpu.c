/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode cpu without the kernel's clock events. Each CPU has a reader, which is pinned to the CPU and has a clock of its
 * own. When the reader wakes, it interrupts the thread that runs on that CPU. The kernel does not say which thread that
 * was. But the scheduler notes for each thread when the thread was last on a CPU, in time of that CPU. At a switch it
 * notes the same moment for the thread that goes and for the thread that comes (kernel/sched: put_prev_task() and
 * set_next_task() of one schedule()). So the reader looks for the thread that has the reader's own moment. It finds the
 * interrupted thread in each case: if the thread has to wait for the CPU, if it was about to run, and if it has just
 * gone to sleep. A tick that comes while the kernel puts a thread to sleep wakes the reader when that is done.
 *
 * A tick meets a function as often as it runs, so the shares are right. The number of ticks is corrected by the
 * kernel's account: see balance_steer().
 */
#include "timer_modes.h"

#include <stdatomic.h>
#include <unistd.h>

/* In 98 of 100 cases the kernel itself takes no longer than this to stop a thread. */
#define STOP_NS 20000u

/* ---- the reader ------------------------------------------------------------------------- */

void timer_cpu_begin(struct timer_tick *tick)
{
        tick->own_fd = -1;
        tick->cpu = tick->home >= 0 && reader_pin(tick->home) ? tick->home : -1;
        tick->holds = tick->cpu >= 0 && uninterrupted_open(tick->cpu, &tick->uninterrupted);
        if (tick->cpu >= 0)
                nsutil_last_ran_open(getpid(), gettid(), &tick->own_fd);
}

void timer_cpu_end(struct timer_tick *tick)
{
        if (tick->own_fd >= 0)
                close(tick->own_fd);
}

/*
 * Whether the thread that the tick has interrupted is still where it was. If the reader had to wait for a target's lock
 * meanwhile, the interrupted thread has run on. The reader does not take the thread that it interrupts after the wait:
 * then threads that another reader has just let go would be met too often.
 */
static bool holds_still(struct timer_tick *tick)
{
        tick->asks = tick->asks && timer_switches() == tick->switches;
        if (tick->asks && tick->own_fd >= 0 && !tick->on_cpu_since) /* read at once, since scheduler ticks change it */
                tick->asks = nsutil_last_ran_read(tick->own_fd, &tick->on_cpu_since) == 0;
        return tick->asks;
}

/* ---- the interrupted thread --------------------------------------------------------------- */

/*
 * Whether the thread may have run until @since. It may if a reader has seen after @since that the thread's times have
 * changed. The readers of other CPUs look at the thread too, so what they have seen counts as well.
 */
static bool has_run(const struct target *t, struct member *m, uint64_t since)
{
        struct nsutil_times before = m->clock.times;

        if (m->clock.fd < 0 && nsutil_times_open(t->pid, m->tid, &m->clock.fd) != 0)
                return false;
        if (nsutil_times_read(m->clock.fd, &m->clock.times) != 0)
                return false;
        if (m->clock.times.cpu_ns != before.cpu_ns || m->clock.times.slices != before.slices)
                m->clock.moved_ns = clock_ns(CLOCK_MONOTONIC);
        return m->clock.moved_ns >= since;
}

static bool was_interrupted(const struct timer_tick *tick, const struct target *t, struct member *m)
{
        uint64_t last;

        if (m->clock.last_ran_fd < 0 && nsutil_last_ran_open(t->pid, m->tid, &m->clock.last_ran_fd) != 0)
                return false;
        return nsutil_last_ran_read(m->clock.last_ran_fd, &last) == 0 && last == tick->on_cpu_since;
}

/*
 * A cpuset may keep the reader from its CPU, or the kernel may have no /proc/PID/task/TID/sched. Then the reader does
 * not know which thread it interrupts. It takes a thread that is ready to run on that CPU for one that runs.
 */
static bool is_ready_here(const struct timer_tick *tick, const struct target *t, struct member *m)
{
        struct nsutil_stat stat;

        if (m->clock.stat_fd < 0 && nsutil_stat_open(t->pid, m->tid, &m->clock.stat_fd) != 0)
                return false;
        return nsutil_stat_reread(m->clock.stat_fd, &stat) == 0 && stat.state == 'R' && stat.cpu == tick->home;
}

/* Draws one of the threads that are ready. NULL: there is none. */
static struct member *draw_ready(struct timer_tick *tick, struct target *t)
{
        struct member *drawn = NULL;
        uint64_t n = 0;

        for (struct member *m = member_newest(t); m; m = member_before(m))
                if (is_ready_here(tick, t, m)) {
                        n++;
                        drawn = jitter_phase(&tick->jitter, n) == n ? m : drawn;
                }
        return drawn;
}

static struct member *running_member(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        if (tick->own_fd < 0)
                return draw_ready(tick, t);
        for (struct member *m = member_newest(t); m; m = member_before(m))
                if (has_run(t, m, at->due) && was_interrupted(tick, t, m))
                        return m;
        return NULL;
}

/* The thread that the tick has interrupted. NULL: it is none of this target's. */
static struct member *interrupted_member(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        if (!holds_still(tick))
                return NULL;
        struct member *m = running_member(tick, t, at);
        return m || !timer_list_members(tick, t) ? m : running_member(tick, t, at);
}

/* ---- a tick ------------------------------------------------------------------------------- */

/*
 * A look at a process's clock takes a microsecond, on each CPU with each tick. So a tick looks at all processes that
 * have run lately, which are few, and at about this number of the others, drawn anew by each tick. A tick that meets
 * one of the others also counts for the ticks that may have passed it over.
 */
#define IDLE_LOOKS 64
#define LATELY_NS 200000000u

uint64_t timer_cpu_weigh(struct timer_tick *tick, const struct target *t, const struct moment *at)
{
        uint64_t one_of = at->n_targets / IDLE_LOOKS + 1;

        if (one_of == 1 || at->now < atomic_load(&t->moved_ns) + LATELY_NS)
                return 1;
        return jitter_phase(&tick->jitter, one_of) == one_of ? one_of : 0;
}

bool timer_cpu_is_due(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        (void)tick;
        timer_look_at_clock(t);
        return t->moved_ns >= at->due;
}

/*
 * Whether a stopped thread has run on before it stopped. A thread needs a CPU once more in order to stop. If another
 * CPU has taken the thread before it was told to stop, the thread has gone on in its program, and the tick is lost.
 */
static bool has_gone_on(const struct member *m)
{
        struct nsutil_times now;

        return nsutil_times_read(m->clock.fd, &now) == 0 && now.cpu_ns > m->clock.times.cpu_ns + STOP_NS;
}

void timer_cpu_serve(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        struct member *m = interrupted_member(tick, t, at);
        struct stopped stopped;

        if (!m)
                return;
        tick->asks = false; /* a CPU runs one thread, and that is found */
        struct tick_event event = { .pid = t->pid,
                                    .tid = m->tid,
                                    .count = at->weight,
                                    .meets_all = true,
                                    .at_ns = at->now,
                                    .ns = atomic_load(&tick->sampler->period_ns),
                                    .cpu = tick->cpu,
                                    .uninterrupted = tick->holds ? &tick->uninterrupted : NULL };
        bool held = tick->blocking && thread_stop(m->tid, &stopped);
        if (!held || !has_gone_on(m))
                target_tick(t, tick->sampler, &event);
        if (held)
                thread_release(&stopped);
}
