/* SPDX-License-Identifier: Apache-2.0 */
/* A target: a process that is sampled, and the profile that its samples go to. */
#include "own_events.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int begin_profile(struct target *t, const struct sampler *s)
{
        struct profile *profile = profile_new();

        if (!profile)
                return -ENOMEM;
        profile_limit(profile, s->config.profile_bytes);
        profile_keep_timeline(profile, s->config.timeline_bytes);
        t->profile = profile;
        t->since_ns = clock_ns(CLOCK_REALTIME);
        t->since_mono_ns = clock_ns(CLOCK_MONOTONIC);
        stacks_clear(&t->stacks);
        for (struct member *m = t->members; m; m = m->hh.next)
                m->id = m->clock.stack = m->native = 0;
        t->switches.unread = true;
        return 0;
}

/*
 * A thread of ordinary priority may hold the lock and get no CPU. A reader at real-time priority that waits for the
 * lock would wait as long. So the thread that holds the lock inherits the reader's priority.
 */
void inheriting_lock_init(pthread_mutex_t *lock)
{
        pthread_mutexattr_t attributes;

        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(lock, &attributes);
        pthread_mutexattr_destroy(&attributes);
}

int target_new(pid_t pid, struct pystack *py, struct sampler *s, struct target **ret)
{
        struct target *t = calloc(1, sizeof *t);

        if (!t)
                return -ENOMEM;
        t->pid = pid;
        t->users = 1;
        int r = begin_profile(t, s);
        if (r < 0) {
                free(t);
                return r;
        }
        inheriting_lock_init(&t->lock);
        t->decoder = &s->decoder;
        t->naming.namer = s->config.threads ? &s->namer : NULL;
        balance_open(t, s);
        t->py = py;
        pystack_tasks_want(py, s->config.tasks);
        task_looks_open(t, s->config.mode == PROFILE_MODE_WALL && s->config.tasks != PYSTACK_TASKS_OFF);
        pystack_greenlets_want(py, s->config.tasks != PYSTACK_TASKS_OFF);
        pystack_opcodes_want(py, s->config.opcodes);
        restraint_open(t);
        memory_open(&t->memory, &s->memory);
        *ret = t;
        return 0;
}

void target_free(struct target *t)
{
        struct member *m, *next;

        if (!t)
                return;
        HASH_ITER(hh, t->members, m, next)
                member_free(t, m);
        own_events_close(t);
        frees_close(t);
        task_looks_close(t);
        memory_close(&t->memory);
        account_close(&t->account);
        throttle_close(&t->throttle);
        free(t->pending);
        decoding_deinit(&t->decoding);
        waits_deinit(&t->waits);
        stacks_deinit(&t->stacks);
        profile_free(t->profile);
        pystack_close(t->py);
        pthread_mutex_destroy(&t->lock);
        free(t);
}

/* ---- profiles -------------------------------------------------------------------- */

void target_add_late(struct target *t, uint64_t ticks, uint64_t period_ns)
{
        struct profile_counters *counters = profile_counters(t->profile);

        counters->late += ticks;
        counters->late_ns += ticks * period_ns;
}

/* Settles a profile of the target, whose samples have marks of @waits. */
static void settle_profile(const struct target *t, struct profile *p, const struct waits *waits,
                           const struct sampler *s)
{
        struct waits_rule rule = { waits, s->config.wait_detail ? REASON_ALL : REASON_PRIVATE,
                                   s->config.no_idle_workers, s->config.mode == PROFILE_MODE_BLAME,
                                   s->config.opcodes ? t->py : NULL };

        profile_settle(p, &(struct profile_marks){ waits_leaf, &rule });
}

void target_renumber(struct target *t, const struct sampler *s)
{
        for (size_t i = 0; i < t->n_pending; i++)
                t->pending[i].stack = profile_linked(t->profile, t->pending[i].stack);
        for (struct member *m = t->members; m; m = m->hh.next) {
                m->clock.stack = profile_linked(t->profile, m->clock.stack);
                m->clock.held.stack = profile_linked(t->profile, m->clock.held.stack);
        }
        stacks_renumber(&t->stacks, t->profile);
        settle_profile(t, t->profile, &t->waits, s);
}

void target_trim(struct target *t)
{
        pending_settle(t);
        pystack_trim(t->py);
        stacks_trim(&t->stacks);
        memory_return(t);
}

/*
 * Ends the profile, which the caller then owns with its @ret_waits, and begins a new one. Fetches the stacks that wait
 * to be decoded.
 */
static int exchange_profile(struct target *t, const struct sampler *s, struct profile **ret, struct waits *ret_waits)
{
        struct profile *done = t->profile;
        struct profile_settings settings = {
                .mode = s->config.mode,
                .period_ns = atomic_load(&s->period_ns),
                .start_ns = t->since_ns,
                .duration_ns = clock_ns(CLOCK_MONOTONIC) - t->since_mono_ns,
                .engine = s->tick->name,
        };
        balance_book(t, s);
        switches_release(t);
        for (struct member *m = t->members; m; m = m->hh.next)
                timer_wall_release(t, m);
        decode_fetch(t);
        int r = begin_profile(t, s);

        if (r < 0)
                return r;
        *ret_waits = t->waits;
        t->waits = (struct waits){ 0 };
        memory_return(t);
        profile_set_settings(done, &settings);
        *ret = done;
        return 0;
}

/* The time between two tries to have both the target's lock and a turn. */
#define TURN_PAUSE_NS 1000000

/*
 * Takes target->lock and decoder->turn, when nothing is left to be read or decoded for the target's profile. Reading
 * may take for ever, so no thread reads in a turn. A thread that has a turn may wait for the lock, so this function
 * does not wait for a turn while it holds the lock. False: the target is silent, and neither lock nor turn is held.
 */
static bool await_turn(struct target *t, const struct sampler *s)
{
        const struct timespec pause = { .tv_nsec = TURN_PAUSE_NS };
        pthread_mutex_t *turn = &t->decoder->turn;

        for (;;) {
                target_lock_turn(turn);
                decode_waiting(t, s);
                pthread_mutex_unlock(turn);
                if (target_lock(t) == TARGET_SILENT)
                        return false;
                members_settle(t, s);
                pending_settle(t);
                bool silent = target_is_silent(t), alone = !silent && pthread_mutex_trylock(turn) == 0;
                if (alone && decode_has_ended(t))
                        return true;
                target_unlock(t);
                if (silent)
                        return false;
                if (alone)
                        pthread_mutex_unlock(turn);
                nanosleep(&pause, NULL);
        }
}

/* The decoder takes no new turn meanwhile. Otherwise it might have one at every try. */
static bool begin_exchange(struct target *t, const struct sampler *s)
{
        atomic_fetch_add(&t->decoder->takers, 1);
        bool begun = await_turn(t, s);
        atomic_fetch_sub(&t->decoder->takers, 1);
        return begun;
}

int target_take(struct target *t, const struct sampler *s, struct profile **ret)
{
        struct profile *done;
        struct waits waits;

        task_looks_take(t, s);
        names_read(t, true); /* a thread whose name cannot be read keeps the one that it has */
        if (!begin_exchange(t, s))
                return SAMPLE_E_SILENT;
        int r = exchange_profile(t, s, &done, &waits);
        target_unlock(t);
        if (r == 0) {
                decode_rest(t, s, done);
                decode_forget_names(t);
                waits_complete(&waits, t->pid);
                settle_profile(t, done, &waits, s);
                waits_deinit(&waits);
                *ret = done;
        }
        pthread_mutex_unlock(&t->decoder->turn);
        return r;
}

/* The time that is lost since the last call. In modes wall and gil it is elapsed time, counted for one thread only. */
static uint64_t lost_ns(struct target *t, const struct sampler *s, uint64_t now)
{
        uint64_t cpu_ns = t->lost_cpu_ns;

        if (s->config.mode != PROFILE_MODE_CPU)
                return now - t->lost_mono_ns;
        if (nsutil_cpu_ns(t->pid, &cpu_ns) != 0 || cpu_ns < t->lost_cpu_ns)
                return 0;
        uint64_t lost = cpu_ns - t->lost_cpu_ns;
        t->lost_cpu_ns = cpu_ns;
        return lost;
}

/*
 * Does not take the target's lock. The thread that has the lock sleeps, or has just woken up, so the fields that are
 * read here hardly ever change.
 */
int target_lose(struct target *t, const struct sampler *s, struct profile **ret)
{
        struct profile *profile = profile_new();
        uint64_t now = clock_ns(CLOCK_MONOTONIC), period = atomic_load(&s->period_ns);

        if (!profile)
                return -ENOMEM;
        if (t->lost_mono_ns == 0) {
                t->lost_mono_ns = t->since_mono_ns;
                t->lost_cpu_ns = __atomic_load_n(&t->account.booked_ns, __ATOMIC_RELAXED);
        }
        const struct profile_settings settings = {
                .mode = s->config.mode,
                .period_ns = period,
                .start_ns = clock_ns(CLOCK_REALTIME) - (now - t->lost_mono_ns),
                .duration_ns = now - t->lost_mono_ns,
                .engine = s->tick->name,
        };
        struct profile_counters *counters = profile_counters(profile);
        counters->accounted_ns = counters->failed_ns = lost_ns(t, s, now);
        counters->ticks = counters->failed = counters->failed_ns / period;
        t->lost_mono_ns = now;
        profile_set_settings(profile, &settings);
        *ret = profile;
        return 0;
}
