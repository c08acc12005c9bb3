/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mode blame: each tick tells, of each GIL, which thread holds it and how many threads wait for it, and of
 * each other Python thread, whether it runs, waits for a GIL, or does something else.
 *
 * The reader goes to the CPU of the thread that holds the first GIL. So that thread does not run, and cannot release
 * the GIL, while the threads that wait for it are counted. Whether a GIL has had one holder meanwhile is looked up
 * afterwards. If not, or with more GILs than that, its holder is unknown: there is no blame without certainty.
 *
 * A thread that has not been put on a CPU since it was seen to wait still waits. The kernel counts that, so the reason
 * of a thread that sleeps is read once only. Only stacks of holders are read.
 */
#include "timer_modes.h"

/* The GILs of a process that are told apart at most. Who holds further ones is not known. */
#define GILS_MAX 16

struct watched {
        struct pystack_gil gil;
        pid_t tid; /* of its holder; 0: not known, or there is no holder */
        uint64_t waiters;
};

struct blame {
        struct watched gils[GILS_MAX];
        size_t n;
        bool is_missing;  /* the process has no GIL */
        uint64_t waiters; /* threads that wait for a GIL that is none of these */
};

/* ---- the GILs ----------------------------------------------------------------------------- */

static bool read_gils(struct target *t, struct pystack_gil ret[GILS_MAX], size_t *n)
{
        *n = 0;
        for (struct member *m = t->members; m; m = m->hh.next)
                if (m->thread)
                        return pystack_gils(m->thread, ret, GILS_MAX, n) == 0;
        return false;
}

static bool is_holder(const struct member *m, const struct pystack_gil *gil)
{
        if (!m->thread || !gil->holder || gil->unbound)
                return false;
        const struct pystack_thread_ref ref = pystack_thread_get(m->thread);
        return gil->inner_tid ? ref.inner_tid == gil->inner_tid : ref.tstate == gil->holder;
}

static void watch_gils(struct target *t, struct blame *blame)
{
        struct pystack_gil gils[GILS_MAX];

        if (!read_gils(t, gils, &blame->n))
                blame->n = 0;
        for (size_t i = 0; i < blame->n; i++) {
                blame->gils[i] = (struct watched){ .gil = gils[i] };
                for (struct member *m = t->members; m && !blame->gils[i].tid; m = m->hh.next)
                        if (is_holder(m, &gils[i]))
                                blame->gils[i].tid = m->tid;
        }
}

static pid_t first_holder(const struct blame *blame)
{
        for (size_t i = 0; i < blame->n; i++)
                if (blame->gils[i].tid)
                        return blame->gils[i].tid;
        return 0;
}

static bool holds_any(const struct blame *blame, pid_t tid)
{
        for (size_t i = 0; i < blame->n; i++)
                if (blame->gils[i].tid == tid)
                        return true;
        return false;
}

static void watch_and_hold(struct timer_tick *tick, struct target *t, struct blame *blame)
{
        pid_t before = 0, tid;

        watch_gils(t, blame);
        for (int i = 0; (tid = first_holder(blame)) != before && i < HOLDERS_MAX; i++) {
                struct member *m;
                HASH_FIND_INT(t->members, &tid, m);
                if (m && !tick->blocking)
                        timer_move_to_cpu_of(tick, t, m);
                before = tid;
                watch_gils(t, blame);
        }
}

/* GILs that have changed hands since are of no known holder. */
static void forget_changed_holders(struct target *t, struct blame *blame)
{
        struct pystack_gil now[GILS_MAX];
        size_t n;

        if (!read_gils(t, now, &n))
                n = 0;
        for (size_t i = 0; i < blame->n; i++) {
                struct watched *w = &blame->gils[i];
                if (i < n && now[i].id == w->gil.id && now[i].holder == w->gil.holder)
                        continue;
                w->tid = 0;
                w->gil.holder = UINT64_MAX;
        }
}

/* ---- the threads --------------------------------------------------------------------------- */

static bool has_slept_on(const struct target *t, struct member_clock *c, pid_t tid)
{
        struct nsutil_times now = { 0 }, before = c->times;

        if (c->fd < 0 && nsutil_times_open(t->pid, tid, &c->fd) != 0)
                return false;
        if (nsutil_times_read(c->fd, &now) != 0)
                now = (struct nsutil_times){ 0 };
        c->times = now;
        return now.slices > 0 && now.slices == before.slices;
}

/* A thread that moves while it is looked at is looked at this often. */
#define LOOKS_MAX 3

static void look_why(struct timer_tick *tick, struct target *t, struct member *m)
{
        struct wait_look look = { .freezers = &tick->sampler->freezers };
        bool of_one_moment = false;

        for (unsigned i = 0; i < LOOKS_MAX && !of_one_moment; i++) {
                wait_look_begin(&look, t, m);
                of_one_moment = wait_look_end(&look, m);
        }
        m->clock.why = look.reason.kind;
        m->clock.futex = look.reason.wait.futex;
        if (look.reason.kind != REASON_GIL && look.reason.kind != REASON_RUNNING)
                nsutil_wait_close(&m->clock.files);
}

/* The GIL that the thread waits for; NULL: none of these. A thread that has entered an interpreter may want its GIL. */
static struct watched *awaited_gil(struct blame *blame, const struct member_clock *c)
{
        if (!c->futex || (c->why != REASON_GIL && c->why != REASON_LOCK))
                return NULL;
        for (size_t i = 0; i < blame->n; i++)
                if (c->futex >= blame->gils[i].gil.from && c->futex < blame->gils[i].gil.to)
                        return &blame->gils[i];
        return NULL;
}

static void count_waiter(struct blame *blame, struct member_clock *c)
{
        struct watched *awaited = awaited_gil(blame, c);

        if (awaited) {
                c->why = REASON_GIL;
                awaited->waiters++;
        } else if (c->why == REASON_GIL) {
                blame->waiters++;
        }
}

static void look_at_threads(struct timer_tick *tick, struct target *t, struct blame *blame)
{
        for (struct member *m = t->members; m; m = m->hh.next) {
                if (!m->thread)
                        continue;
                if (!has_slept_on(t, &m->clock, m->tid) || m->clock.why == REASON_RUNNING)
                        m->clock.why = REASON_UNKNOWN;
                if (!holds_any(blame, m->tid)) {
                        if (m->clock.why == REASON_UNKNOWN)
                                look_why(tick, t, m);
                        count_waiter(blame, &m->clock);
                }
                timer_spare(tick, &m->clock);
        }
}

/* ---- counting -------------------------------------------------------------------------------- */

static const struct {
        const char *name;
        enum profile_state state;
} doings[REASON_KINDS] = {
        [REASON_UNKNOWN] = { "[waits: unknown]", PROFILE_IDLE },
        [REASON_RUNNING] = { "(running)", PROFILE_RUNNING },
        [REASON_GIL] = { "[waits: GIL]", PROFILE_IDLE },
};

static void count_doing(struct timer_tick *tick, struct target *t, struct member *m, enum reason_kind why,
                        const struct moment *at)
{
        const char *name = doings[why].name ? doings[why].name : "(idle)";
        enum profile_state state = doings[why].name ? doings[why].state : PROFILE_IDLE;
        struct tick_event event = timer_event(tick, t, m->tid, at);

        timer_account(tick, t);
        target_add_known(t, tick->sampler, &event, m, stacks_pseudo(t->profile, name), 0, state);
}

static uint64_t waiters_of(const struct watched *w)
{
        return w->gil.to ? w->waiters : PROFILE_GIL_WAITERS_UNKNOWN;
}

static void count_gil(struct timer_tick *tick, struct target *t, enum profile_gil gil, uint64_t waiters,
                      const struct moment *at)
{
        char name[PROFILE_GIL_SIZE];
        struct tick_event event = timer_event(tick, t, 0, at);

        profile_gil_write(gil, waiters, name);
        timer_account(tick, t);
        target_add_pseudo(t, tick->sampler, &event, name, PROFILE_IDLE);
}

/* The member may be gone, if the process says of several GILs that the same thread holds them. */
static void read_holder(struct timer_tick *tick, struct target *t, const struct watched *w, const struct moment *at)
{
        struct wait_look look = { .is_known = true,
                                  .reason.kind = REASON_RUNNING,
                                  .mark = waits_holder_mark(waiters_of(w)) };
        struct tick_event event = timer_event(tick, t, w->tid, at);
        struct member *m;

        event.look = &look;
        timer_account(tick, t);
        HASH_FIND_INT(t->members, &w->tid, m);
        if (m && !tick->blocking)
                timer_move_to_cpu_of(tick, t, m);
        timer_read_ready(tick, t, tick->cpu, &event);
}

static void count_gils(struct timer_tick *tick, struct target *t, struct blame *blame, const struct moment *at)
{
        for (size_t i = 0; i < blame->n; i++) {
                struct watched *w = &blame->gils[i];
                if (w->tid)
                        read_holder(tick, t, w, at);
                else
                        count_gil(tick, t, w->gil.holder ? PROFILE_GIL_UNTOLD : PROFILE_GIL_FREE, waiters_of(w), at);
        }
        if (blame->is_missing)
                count_gil(tick, t, PROFILE_GIL_MISSING, 0, at);
        else if (blame->n == 0 || blame->waiters > 0)
                count_gil(tick, t, PROFILE_GIL_UNTOLD, blame->waiters, at);
}

static bool has_unknown_holder(const struct blame *blame)
{
        if (!blame->is_missing && (blame->n == 0 || blame->n == GILS_MAX))
                return true;
        for (size_t i = 0; i < blame->n; i++)
                if (!blame->gils[i].tid && blame->gils[i].gil.holder)
                        return true;
        return false;
}

/* A thread that runs may be the unknown holder of a GIL. Then what it does is unknown. */
static void count_others(struct timer_tick *tick, struct target *t, const struct blame *blame, const struct moment *at)
{
        bool doubtful = has_unknown_holder(blame);

        for (struct member *m = t->members; m; m = m->hh.next) {
                enum reason_kind why = m->clock.why;
                if (!m->thread || holds_any(blame, m->tid))
                        continue;
                count_doing(tick, t, m, why == REASON_RUNNING && doubtful ? REASON_UNKNOWN : why, at);
        }
}

void timer_blame_serve(struct timer_tick *tick, struct target *t, const struct moment *at)
{
        struct blame blame = { 0 };

        timer_list_members(tick, t);
        members_introduce(t, tick->sampler);
        blame.is_missing = !pystack_has_gil(t->py);
        if (!blame.is_missing)
                watch_and_hold(tick, t, &blame);
        look_at_threads(tick, t, &blame);
        forget_changed_holders(t, &blame);
        count_others(tick, t, &blame, at);
        count_gils(tick, t, &blame, at);
}
