/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errands: what a caller of the sampler wants of a target, while readers read the target. An errand may read the
 * target's memory, so nsutil_attempt() runs it on a thread. If the memory does not answer, the errand is left to that
 * thread, which hangs. The target is silent from then on, and callers get SAMPLE_E_SILENT.
 */
#include "internal.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

struct errand {
        struct sampler *sampler;
        struct target *target; /* has a user for the errand */
        int (*run)(struct errand *errand);
        struct profile *profile;
        bool answer;
        int result;
};

static void run_errand(void *job)
{
        struct errand *e = job;

        e->result = e->run(e);
}

/* Calls @what while the target's lock is held. 0 or SAMPLE_E_SILENT. */
static int run_locked(struct errand *e, void (*what)(struct errand *errand))
{
        if (target_lock(e->target) == TARGET_SILENT)
                return SAMPLE_E_SILENT;
        what(e);
        target_unlock(e->target);
        return 0;
}

static void discard_errand(void *job)
{
        struct errand *e = job;

        struct sampler *s = e->sampler;

        profile_free(e->profile);
        target_put(e->target);
        free(e);
        atomic_fetch_sub(&s->strays, 1); /* the sampler may be gone now */
}

/* 0, with the answers in @ret; SAMPLE_E_SILENT, -ENOMEM, or the error of @what. */
static int do_errand(struct sampler *s, struct target *t, int (*what)(struct errand *errand), struct errand *ret)
{
        static const struct nsutil_work work = { .run = run_errand, .discard = discard_errand, .known = true };
        struct errand *e = target_is_silent(t) ? NULL : malloc(sizeof *e);

        if (!e)
                return target_is_silent(t) ? SAMPLE_E_SILENT : -ENOMEM;
        target_use(t);
        atomic_fetch_add(&s->strays, 1);
        *e = (struct errand){ .sampler = s, .target = t, .run = what };
        if (nsutil_attempt(t->pid, &work, e) != 0) {
                target_silence(t);
                return SAMPLE_E_SILENT;
        }
        *ret = *e;
        e->profile = NULL;
        discard_errand(e);
        return ret->result;
}

/* ---- profiles ---------------------------------------------------------------------------- */

static int take_profile(struct errand *e)
{
        return target_take(e->target, e->sampler, &e->profile);
}

/* Takes the profile. For a silent target, makes a profile that has nothing but the time that is lost. */
static int take_or_lose(struct sampler *s, struct target *t, struct profile **ret)
{
        struct errand taken;
        int r = do_errand(s, t, take_profile, &taken);

        if (r == SAMPLE_E_SILENT)
                return target_lose(t, s, ret);
        if (r == 0)
                *ret = taken.profile;
        return r;
}

int sampler_take(struct sampler *s, const struct sample_target *named, struct profile **ret)
{
        struct target *t = sampler_find(s, named);

        if (!t)
                return SAMPLE_E_GONE;
        int r = take_or_lose(s, t, ret);
        target_put(t);
        return r;
}

/* If a process departs several times, the last time counts. */
static struct departed *place_for_departed(struct sampler *s, const struct account *account)
{
        for (size_t i = 0; i < DEPARTED_MAX; i++)
                if (s->departed[i].pid == account->pid && s->departed[i].start_time == account->start_time)
                        return &s->departed[i];
        struct departed *oldest = &s->departed[s->next_departed];
        s->next_departed = (s->next_departed + 1) % DEPARTED_MAX;
        return oldest;
}

static void remember_departed(struct sampler *s, const struct account *account)
{
        *place_for_departed(s, account) = (struct departed){ .pid = account->pid,
                                                             .start_time = account->start_time,
                                                             .cpu_ns = account->booked_ns };
}

/*
 * Takes the target out of the table. The watchdog still checks it: a reader may hang at it. NULL: there is no target.
 */
static struct target *begin_leave(struct sampler *s, const struct sample_target *named)
{
        struct target *t;

        table_write(&s->lock);
        HASH_FIND_INT(s->targets, &named->pid, t);
        if (t && t->start_time != named->start_time)
                t = NULL;
        if (t)
                HASH_DEL(s->targets, t);
        s->leaving = t;
        table_write_end(&s->lock);
        return t;
}

static void end_leave(struct sampler *s, struct target *t)
{
        table_write(&s->lock);
        s->leaving = NULL;
        table_write_end(&s->lock);
        target_lock_turn(&s->decoder.turn);
        decoder_forget(&s->decoder, t);
        pthread_mutex_unlock(&s->decoder.turn);
}

int sampler_remove(struct sampler *s, const struct sample_target *named, struct profile **ret)
{
        struct target *t = begin_leave(s, named);

        if (!t)
                return SAMPLE_E_GONE;
        target_wait_for_readers(t);
        int r = take_or_lose(s, t, ret);
        end_leave(s, t);
        if (!target_is_silent(t))
                remember_departed(s, &t->account);
        target_put(t);
        return r;
}

/* ---- questions ------------------------------------------------------------------------------ */

static void look_for_gil(struct errand *e)
{
        e->answer = !pystack_has_gil(e->target->py);
}

static int ask_gil(struct errand *e)
{
        return run_locked(e, look_for_gil);
}

bool sampler_lacks_gil(struct sampler *s, const struct sample_target *named)
{
        struct target *t = s->config.mode == PROFILE_MODE_GIL ? sampler_find(s, named) : NULL;
        struct errand asked = { .answer = false };

        if (!t)
                return false;
        bool lacks = do_errand(s, t, ask_gil, &asked) == 0 && asked.answer;
        target_put(t);
        return lacks;
}

/* Returns what @fact says about a target. @fact needs no lock. False if there is no such target. */
static bool ask_target(struct sampler *s, const struct sample_target *named, bool (*fact)(const struct target *))
{
        struct target *t = sampler_find(s, named);
        bool answer = t && fact(t);

        if (t)
                target_put(t);
        return answer;
}

static bool is_restrained(const struct target *t)
{
        return atomic_load(&t->restrained);
}

bool sampler_is_restrained(struct sampler *s, const struct sample_target *named)
{
        return ask_target(s, named, is_restrained);
}

static bool lacks_opcodes(const struct target *t)
{
        return !pystack_opcodes_told(t->py);
}

bool sampler_lacks_opcodes(struct sampler *s, const struct sample_target *named)
{
        return s->config.opcodes && ask_target(s, named, lacks_opcodes);
}

static bool misses_calls(const struct target *t)
{
        return atomic_load(&t->calls_refused);
}

bool sampler_misses_calls(struct sampler *s, const struct sample_target *named)
{
        return ask_target(s, named, misses_calls);
}

static bool misses_times(const struct target *t)
{
        return atomic_load(&t->times_missing);
}

bool sampler_misses_times(struct sampler *s, const struct sample_target *named)
{
        return ask_target(s, named, misses_times);
}

bool sampler_is_silent(struct sampler *s, const struct sample_target *named)
{
        return ask_target(s, named, target_is_silent);
}

/* ---- names of threads ------------------------------------------------------------------------- */

static int read_names(struct errand *e)
{
        return names_read(e->target, false);
}

void errand_read_names(struct sampler *s, struct target *t)
{
        struct errand done;

        do_errand(s, t, read_names, &done);
}

/* ---- tasks ------------------------------------------------------------------------------------ */

static int look_at_tasks(struct errand *e)
{
        task_looks_take(e->target, e->sampler);
        return 0;
}

void errand_look_at_tasks(struct sampler *s, struct target *t)
{
        struct errand done;

        do_errand(s, t, look_at_tasks, &done);
}

/* ---- caches ----------------------------------------------------------------------------------- */

static void empty_caches(struct errand *e)
{
        target_trim(e->target);
}

static int trim_target(struct errand *e)
{
        return run_locked(e, empty_caches);
}

void sampler_trim(struct sampler *s)
{
        struct errand done;

        table_read(&s->lock); /* no other thread waits to write to the table */
        for (struct target *t = s->targets; t; t = t->hh.next)
                do_errand(s, t, trim_target, &done);
        table_read_end(&s->lock);
        malloc_trim(0);
}
