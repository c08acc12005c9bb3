/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode wall: each tick counts every thread of a target, whether it runs or not, and why it does not.
 *
 * A thread that sleeps is looked at: see waits.h. As long as it has not run, its stack and its reason stay.
 *
 * A thread that is ready to run (state R) runs, waits for a CPU, or waits for its cgroup's quota. The kernel says
 * afterwards which it was: when a thread is put on a CPU, its schedstat tells for how long it has waited, and its
 * cgroup's cpu.stat tells for how long quotas have kept the cgroup from running. So samples of a thread whose times do
 * not change are held, and counted once they do. Waits that are shorter than the time between two ticks are known by
 * their sum only: as many samples of the thread count as waits as there was time of them.
 */
#include "timer_modes.h"

/*
 * The slowest scheduler tick (CONFIG_HZ=100) takes 10 ms. A thread whose scheduler times have not changed for longer
 * than that has not run all the time, so its stack has not changed.
 */
#define STILL_NS 12000000ull

/*
 * Waits that no sample has counted yet: more than this, in ns, is forgotten. Only a thread that is ready to run at
 * hardly any tick has so much.
 */
#define OWED_MAX_NS 1000000000

/* ---- samples that are held ------------------------------------------------------------------ */

/* Counts the samples that the member holds. @kind: why it did not run; RUNNING: it ran. */
static void count_held(struct target *t, struct member *m, enum reason_kind kind)
{
        struct pending *held = &m->clock.held;
        const struct reason reason = { .kind = kind };

        if (held->count == 0)
                return;
        held->state = kind == REASON_RUNNING ? PROFILE_RUNNING : PROFILE_IDLE;
        held->mark = kind == REASON_RUNNING ? 0 : waits_mark(&t->waits, &reason);
        pending_count(t, held);
        *held = (struct pending){ 0 };
}

/* Pays @ns of what is owed, if at least half of that is owed. What is paid too much is owed less later. */
static bool pay_owed(int64_t *owed, uint64_t ns)
{
        if (2 * *owed < (int64_t)ns)
                return false;
        *owed -= (int64_t)ns;
        return true;
}

/* Why a thread that was ready to run did not run for @ns, by what the kernel has told of its waits. */
static enum reason_kind judge_wait(struct member_clock *c, uint64_t ns)
{
        if (c->owed_throttled_ns > c->owed_cpu_ns)
                return pay_owed(&c->owed_throttled_ns, ns) ? REASON_THROTTLED : REASON_RUNNING;
        return pay_owed(&c->owed_cpu_ns, ns) ? REASON_CPU : REASON_RUNNING;
}

static void add_to_owed(int64_t *owed, uint64_t ns)
{
        *owed += ns < OWED_MAX_NS ? (int64_t)ns : OWED_MAX_NS;
        if (*owed > OWED_MAX_NS)
                *owed = OWED_MAX_NS;
}

/* The thread has been put on a CPU, and had waited for @waited_ns before. */
static void note_wait(const struct target *t, struct member_clock *c, uint64_t waited_ns)
{
        uint64_t throttled_ns = t->throttle.total_ns - c->throttled_ns;

        if (throttled_ns > waited_ns)
                throttled_ns = waited_ns;
        add_to_owed(&c->owed_throttled_ns, throttled_ns);
        add_to_owed(&c->owed_cpu_ns, waited_ns - throttled_ns);
}

/* Whether the thread has been on a CPU since the last look, as far as its times tell. If so, counts what is held. */
static bool note_times(struct target *t, struct member *m, const struct moment *at)
{
        struct member_clock *c = &m->clock;
        struct nsutil_times before = c->times, now;

        if (c->fd < 0 && nsutil_times_open(t->pid, m->tid, &c->fd) != 0)
                return true;
        if (nsutil_times_read(c->fd, &now) != 0 || now.slices == 0)
                return true;
        c->times = now;
        if (now.cpu_ns == before.cpu_ns && now.slices == before.slices)
                return false;
        if (before.slices > 0 && now.slices != before.slices)
                note_wait(t, c, now.wait_ns - before.wait_ns);
        count_held(t, m, now.slices == before.slices ? REASON_RUNNING : judge_wait(c, c->held.ns));
        c->throttled_ns = t->throttle.total_ns;
        c->still_since_ns = at->now;
        c->stack = 0;
        return true;
}

/* Whether the thread has not been on a CPU for longer than a scheduler's tick. False if the kernel does not tell. */
static bool is_still(const struct member *m, const struct moment *at)
{
        return m->clock.times.slices > 0 && at->now - m->clock.still_since_ns > STILL_NS;
}

void timer_wall_release(struct target *t, struct member *m)
{
        bool still = clock_ns(CLOCK_MONOTONIC) - m->clock.still_since_ns > STILL_NS;
        enum reason_kind kind = t->throttle.quota.n == 0 ? REASON_CPU : REASON_UNKNOWN;

        count_held(t, m, still ? kind : REASON_RUNNING);
}

/* ---- threads that are ready to run -------------------------------------------------------------- */

/* Adds a sample of the same stack, or else counts what is held. A stack that changes is that of a thread that runs. */
static void hold_sample(struct target *t, struct member *m, const struct pending *sample)
{
        struct pending *held = &m->clock.held;

        if (held->count > 0 && (held->stack != sample->stack || held->thread != sample->thread))
                count_held(t, m, REASON_RUNNING);
        if (held->count == 0) {
                *held = *sample;
        } else {
                held->count += sample->count;
                held->ns += sample->ns;
        }
        held->at_ns = clock_ns(CLOCK_MONOTONIC);
}

/* Reads a thread whose times have not changed since the last tick. */
static void read_and_hold(struct timer_tick *tick, struct target *t, struct member *m, int cpu, const struct moment *at)
{
        struct tick_event event = timer_event(tick, t, m->tid, at);
        struct pending found = { .count = event.count, .ns = event.ns };
        pid_t tid = m->tid;

        if (is_still(m, at) && m->clock.held.count > 0) {
                found.stack = m->clock.held.stack;
                found.thread = m->clock.held.thread;
                profile_counters(t->profile)->ticks += event.count;
                hold_sample(t, m, &found);
                return;
        }
        found = (struct pending){ 0 };
        event.held = &found;
        timer_read_ready(tick, t, cpu, &event);
        HASH_FIND_INT(t->members, &tid, m);
        if (found.count > 0 && m)
                hold_sample(t, m, &found);
        else if (found.count > 0)
                pending_count(t, &found);
}

static void tick_ready(struct timer_tick *tick, struct target *t, struct member *m, int cpu, bool changed,
                       const struct moment *at)
{
        struct tick_event event = timer_event(tick, t, m->tid, at);
        struct wait_look look = { .is_known = true };

        if (!changed) {
                read_and_hold(tick, t, m, cpu, at);
                return;
        }
        look.reason.kind = judge_wait(&m->clock, event.ns);
        event.look = look.reason.kind == REASON_RUNNING ? NULL : &look;
        timer_read_ready(tick, t, cpu, &event);
}

/* ---- threads that sleep ---------------------------------------------------------------------------- */

/* Reads a thread that sleeps, and may keep what was read: until it has run, that stays true. */
static void tick_sleeping(struct timer_tick *tick, struct target *t, struct member *m, struct wait_look *look,
                          const struct moment *at)
{
        struct tick_event event = timer_event(tick, t, m->tid, at);
        pid_t tid = m->tid;

        event.look = look;
        profile_id stack = target_read(t, tick->sampler, &event, PROFILE_IDLE);
        HASH_FIND_INT(t->members, &tid, m);
        if (m)
                timer_spare(tick, &m->clock);
        if (!m || !look->mark || !is_still(m, at))
                return;
        m->clock.stack = stack;
        m->clock.mark = look->mark;
        nsutil_wait_close(&m->clock.files);
}

/* ---- all threads ------------------------------------------------------------------------------------- */

/*
 * Whether the thread is ready to run; @ret_cpu gets its CPU. If not, @look has begun. A thread most likely is what it
 * was at the last tick, so what most likely decides is read first.
 */
static bool look_whether_ready(struct target *t, struct member *m, struct wait_look *look, int *ret_cpu)
{
        struct nsutil_stat stat;

        if (m->clock.was_ready && timer_read_state(t, m, &stat) && stat.state == 'R') {
                *ret_cpu = stat.cpu;
                return true;
        }
        wait_look_begin(look, t, m);
        *ret_cpu = look->reason.wait.cpu;
        return look->reason.kind == REASON_RUNNING;
}

static void tick_thread(struct timer_tick *tick, struct target *t, struct member *m, const struct moment *at)
{
        struct wait_look look = { .freezers = &tick->sampler->freezers };
        bool changed = note_times(t, m, at);
        int cpu;

        if (m->clock.stack && is_still(m, at)) {
                struct tick_event event = timer_event(tick, t, m->tid, at);
                timer_spare(tick, &m->clock);
                target_add_known(t, tick->sampler, &event, m, m->clock.stack, m->clock.mark, PROFILE_IDLE);
                return;
        }
        m->clock.was_ready = look_whether_ready(t, m, &look, &cpu);
        if (!m->clock.was_ready) {
                tick_sleeping(tick, t, m, &look, at);
                return;
        }
        timer_spare(tick, &m->clock);
        tick_ready(tick, t, m, cpu, changed, at);
}

/* A thread without Python counts only while it runs. It is of no interest where it waits. */
static void tick_native(struct timer_tick *tick, struct target *t, struct member *m, const struct moment *at)
{
        struct nsutil_stat stat;

        note_times(t, m, at);
        bool ready = !is_still(m, at) && timer_read_state(t, m, &stat) && stat.state == 'R';
        timer_spare(tick, &m->clock);
        if (!ready)
                return;
        timer_account(tick, t);
        struct tick_event event = timer_event(tick, t, m->tid, at);
        timer_read_ready(tick, t, stat.cpu, &event);
}

void timer_wall_serve(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        struct member *before;

        throttle_read(&t->throttle, t->pid, at->now);
        timer_list_members(tick, t);
        members_introduce(t, tick->sampler);
        for (struct member *m = member_newest(t); m; m = before) {
                before = member_before(m);
                if (!m->thread) {
                        tick_native(tick, t, m, at);
                        continue;
                }
                timer_account(tick, t);
                tick_thread(tick, t, m, at);
        }
}
