/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"
#include "perf_event.h"

#include "nsutil/nsutil.h"

/* A thread that is younger than this number of periods may stand for those that have ended without a look. */
#define YOUNG_PERIODS 16

/* What a thread was said to wait for a CPU in excess of its waits, in ns: more is forgotten. */
#define READY_OWED_MAX_NS 1000000000

/* ---- samples ---------------------------------------------------------------------------------- */

/* The number of samples of @ns. What is more or less than whole periods is taken into account by the next ones. */
static uint64_t count_samples(const struct sampler *s, int64_t *excess_ns, uint64_t ns, int64_t least)
{
        int64_t period = (int64_t)atomic_load(&s->period_ns), count = (*excess_ns + (int64_t)ns) / period;

        count = count > least ? count : least;
        *excess_ns += (int64_t)ns - count * period;
        return (uint64_t)count;
}

/* Each sample counts at least once. So time that is too short for that is counted with the thread's next sample. */
static void add_wait_sample(struct target *t, struct member *m, uint32_t mark, uint64_t ns)
{
        const struct sampler *s = t->decoder->sampler;
        struct pending found = {
                .stack = m->clock.stack, .thread = member_id(t, s, m), .state = PROFILE_IDLE, .mark = mark
        };

        m->switches.uncounted_ns += ns;
        found.count = count_samples(s, &m->switches.excess_ns, ns, 0);
        if (found.count == 0)
                return;
        found.ns = m->switches.uncounted_ns;
        m->switches.uncounted_ns = 0;
        profile_counters(t->profile)->ticks += found.count;
        pending_count(t, &found);
}

/* A wait of @ns for a CPU: what quotas have kept the cgroup from running since the wait began was a wait for a quota. */
static void add_ready_sample(struct target *t, struct member *m, uint64_t ns)
{
        const struct reason cpu = { .kind = REASON_CPU }, throttled = { .kind = REASON_THROTTLED };
        uint64_t kept = t->throttle.total_ns - m->clock.throttled_ns;

        if (ns == 0)
                return;
        kept = kept < ns ? kept : ns;
        m->clock.throttled_ns += kept;
        add_wait_sample(t, m, kept > 0 ? waits_mark(&t->waits, &throttled) : 0, kept);
        add_wait_sample(t, m, waits_mark(&t->waits, &cpu), ns - kept);
}

/* Samples of the waits @w, as far as the look at the thread tells their reason. What is left stays in @w. */
static void put_wait_samples(struct target *t, struct member *m, struct switch_waits *w, bool is_long)
{
        if (!m->switches.read_ready) {
                add_wait_sample(t, m, m->clock.mark, w->blocked_ns);
                w->blocked_ns = 0;
        }
        if (m->switches.read_ready || is_long) {
                add_ready_sample(t, m, w->ready_ns);
                w->ready_ns = 0;
        }
}

/* ---- waits -------------------------------------------------------------------------------------- */

bool switches_is_waiting(const struct member *m)
{
        return m->switches.state == SWITCH_BLOCKED || m->switches.state == SWITCH_READY;
}

static void add_waits(struct switch_waits *to, struct switch_waits *from)
{
        to->blocked_ns += from->blocked_ns;
        to->ready_ns += from->ready_ns;
        *from = (struct switch_waits){ 0 };
}

static void book_waits(struct target *t, const struct switch_waits *w)
{
        profile_counters(t->profile)->accounted_ns += w->blocked_ns + w->ready_ns;
}

/* Takes what the thread has waited for a CPU out of a wait of @ns that begins as one for something else. */
static uint64_t take_ready_owed(struct member_switch *w, uint64_t ns)
{
        uint64_t owed = w->ready_owed_ns > 0 ? (uint64_t)w->ready_owed_ns : 0;
        uint64_t taken = owed < ns ? owed : ns;

        w->ready_owed_ns -= (int64_t)taken;
        return taken;
}

/* Adds the present wait up to @upto_ns to what is the thread's own. */
static void lengthen_wait(struct target *t, struct member *m, uint64_t upto_ns, bool ends)
{
        struct member_switch *w = &m->switches;
        uint64_t ns = upto_ns > w->told_ns ? upto_ns - w->told_ns : 0;
        struct switch_waits more = { .blocked_ns = ns };

        if (w->state == SWITCH_READY) {
                more = (struct switch_waits){ .ready_ns = ns };
                w->ready_owed_ns -= (int64_t)ns;
                if (w->ready_owed_ns < -READY_OWED_MAX_NS)
                        w->ready_owed_ns = -READY_OWED_MAX_NS;
        } else if (ends) {
                more.ready_ns = take_ready_owed(w, ns);
                more.blocked_ns -= more.ready_ns;
        }
        w->told_ns = upto_ns > w->told_ns ? upto_ns : w->told_ns;
        if (w->is_python)
                book_waits(t, &more);
        add_waits(&w->own, &more);
}

/* Whether the member's stack was read in the present wait, and the thread was in that wait until @upto_ns. */
static bool has_look(const struct member *m, uint64_t upto_ns)
{
        const struct member_switch *w = &m->switches;

        return m->clock.stack && w->read_begin_ns >= w->since_ns && w->read_end_ns <= upto_ns;
}

static void drop_look(struct member *m)
{
        m->clock.stack = 0;
}

/* A short wait that had a look stands for those that had none. */
static void count_short_wait(struct target *t, struct member *m, uint64_t end_ns)
{
        struct member_switch *w = &m->switches;
        uint64_t period = atomic_load(&t->decoder->sampler->period_ns);

        add_waits(&w->unseen, &w->own);
        if (end_ns - m->met_ns < YOUNG_PERIODS * period)
                add_waits(&w->unseen, &t->switches.orphans);
        put_wait_samples(t, m, &w->unseen, false);
}

/* The present wait ends at @end_ns. */
static void end_wait(struct target *t, struct member *m, uint64_t end_ns)
{
        struct member_switch *w = &m->switches;
        bool is_short = end_ns - w->since_ns < atomic_load(&t->decoder->sampler->period_ns);
        bool looked = has_look(m, end_ns);

        lengthen_wait(t, m, end_ns, true);
        if (looked && is_short)
                count_short_wait(t, m, end_ns);
        else if (looked)
                put_wait_samples(t, m, &w->own, true);
        /*
         * What is left of a wait with a look is the part that was no wait for a CPU, if the look came after it. That was
         * short, or it had had a look of its own. A long wait without a look could not be read: no tick has seen it.
         */
        if (looked || is_short)
                add_waits(&w->unseen, &w->own);
        w->own = (struct switch_waits){ 0 };
        if (w->read_begin_ns < end_ns)
                drop_look(m);
}

static void enter_state(struct target *t, struct member *m, enum switch_state state, uint64_t at_ns)
{
        struct member_switch *w = &m->switches;

        w->state = state;
        w->since_ns = w->told_ns = at_ns;
        if (m->clock.stack && w->read_begin_ns < at_ns)
                drop_look(m);
        if (!switches_is_waiting(m))
                return;
        m->clock.throttled_ns = t->throttle.total_ns;
        t->switches.unread = true;
}

void switches_note_python(struct target *t, struct member *m)
{
        struct member_switch *w = &m->switches;

        if (!m->thread && !w->is_python) {
                w->own = w->unseen = (struct switch_waits){ 0 };
                w->told_ns = switches_is_waiting(m) ? t->switches.upto_ns : w->told_ns;
        }
        if (!m->thread || w->is_python)
                return;
        w->is_python = true;
        book_waits(t, &w->own);
        book_waits(t, &w->unseen);
}

/* ---- records -------------------------------------------------------------------------------------- */

/* What the kernel says of how long the thread has waited for CPUs. */
static void note_ready_time(struct target *t, struct member *m)
{
        struct member_clock *c = &m->clock;
        struct nsutil_times now;

        if (c->fd < 0 && nsutil_times_open(t->pid, m->tid, &c->fd) != 0)
                return;
        if (nsutil_times_read(c->fd, &now) != 0 || now.slices == 0)
                return;
        if (c->times.slices > 0)
                m->switches.ready_owed_ns += (int64_t)(now.wait_ns - c->times.wait_ns);
        if (m->switches.ready_owed_ns > READY_OWED_MAX_NS)
                m->switches.ready_owed_ns = READY_OWED_MAX_NS;
        c->times = now;
        c->still_since_ns = 0;
}

/* Before the first record of a thread it is not known what it does. If it then gets a CPU, it had none. */
static void apply_on(struct target *t, struct member *m, uint64_t at_ns)
{
        if (m->switches.state == SWITCH_UNKNOWN)
                m->switches.state = SWITCH_BLOCKED;
        if (switches_is_waiting(m))
                end_wait(t, m, at_ns);
        enter_state(t, m, SWITCH_ON, at_ns);
}

static void apply_one(struct target *t, struct member *m, const struct perf_switch *record)
{
        static const enum switch_state states[] = {
                [PERF_SWITCH_BLOCKED] = SWITCH_BLOCKED,
                [PERF_SWITCH_PREEMPTED] = SWITCH_READY,
                [PERF_SWITCH_BORN] = SWITCH_READY,
                [PERF_SWITCH_ENDS] = SWITCH_ENDED,
        };

        if (m->switches.state == SWITCH_ENDED)
                return;
        if (record->kind == PERF_SWITCH_ON)
                apply_on(t, m, record->time);
        else
                enter_state(t, m, states[record->kind], record->time);
}

/* The member of a record's thread. A thread is made a member before it is known whether it runs Python. */
static struct member *look_up_member(struct target *t, const struct perf_switch *record)
{
        struct member *m;
        pid_t tid = (pid_t)record->tid;

        HASH_FIND_INT(t->members, &tid, m);
        if (!m)
                t->switches.relist = true;
        if (!m && record->kind != PERF_SWITCH_ENDS && (m = member_add(t, tid)))
                m->switches.since_ns = m->switches.told_ns = record->time;
        t->switches.relist = t->switches.relist || record->kind == PERF_SWITCH_ENDS;
        return m;
}

void switches_apply(struct target *t, const struct perf_switch *records, size_t n, uint64_t now)
{
        struct member *m = NULL;

        if (t->switches.upto_ns == 0)
                t->switches.relist = t->switches.unread = true;
        if (n > 0)
                throttle_read(&t->throttle, t->pid, now);
        for (size_t i = 0; i < n; i++) {
                if (!m || m->tid != (pid_t)records[i].tid) {
                        m = look_up_member(t, &records[i]);
                        if (m && m->thread)
                                note_ready_time(t, m);
                }
                if (m)
                        apply_one(t, m, &records[i]);
        }
        t->switches.upto_ns = now;
}

/* ---- what goes on -------------------------------------------------------------------------------------------- */

/* Counts the present wait up to now, which goes on. */
static void count_present_wait(struct target *t, struct member *m)
{
        struct member_switch *w = &m->switches;
        uint64_t upto = t->switches.upto_ns;

        if (w->state == SWITCH_UNKNOWN && has_look(m, upto) && !w->read_ready)
                w->state = SWITCH_BLOCKED; /* it has slept all the time, or there were records */
        if (!switches_is_waiting(m))
                return;
        lengthen_wait(t, m, upto, false);
        if (has_look(m, upto) && upto - w->since_ns >= atomic_load(&t->decoder->sampler->period_ns))
                put_wait_samples(t, m, &w->own, true);
}

/* Until when it is known what the thread did, or what is told of it. */
static uint64_t last_known(const struct target *t, const struct member *m)
{
        return m->switches.told_ns > t->switches.upto_ns ? m->switches.told_ns : t->switches.upto_ns;
}

/* The CPU time of the process for which records are lost, about: since the last tick, or since others were lost. */
static uint64_t take_lost_cpu(struct target *t)
{
        struct target_switches *w = &t->switches;
        uint64_t since = w->lost_cpu_ns > w->cpu_ns ? w->lost_cpu_ns : w->cpu_ns;

        w->lost_cpu_ns = account_read(&t->account);
        return w->lost_cpu_ns - since;
}

void switches_lose(struct target *t, uint64_t now)
{
        uint64_t unknown_ns = 0, cpu_ns = take_lost_cpu(t);

        for (struct member *m = t->members; m; m = m->hh.next) {
                count_present_wait(t, m);
                m->switches.own = (struct switch_waits){ 0 };
                if (m->switches.state == SWITCH_ENDED)
                        continue;
                if (m->switches.is_python && last_known(t, m) < now)
                        unknown_ns += now - last_known(t, m);
                enter_state(t, m, SWITCH_UNKNOWN, now);
        }
        profile_counters(t->profile)->accounted_ns += unknown_ns > cpu_ns ? unknown_ns - cpu_ns : 0;
        t->switches.relist = t->switches.unread = true;
        t->switches.upto_ns = now;
}

void switches_release(struct target *t)
{
        for (struct member *m = t->members; m; m = m->hh.next)
                count_present_wait(t, m);
}

void switches_forget(struct target *t, struct member *m)
{
        count_present_wait(t, m);
        if (m->switches.is_python)
                add_waits(&t->switches.orphans, &m->switches.unseen);
}

uint64_t switches_weigh_tick(struct target *t, const struct sampler *s, uint64_t *ret_count)
{
        uint64_t cpu_ns = account_read(&t->account), ns = cpu_ns - t->switches.cpu_ns;

        t->switches.cpu_ns = cpu_ns;
        *ret_count = count_samples(s, &t->switches.excess_ns, ns, 1);
        return ns;
}
