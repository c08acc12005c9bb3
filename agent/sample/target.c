/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target: a process being sampled, its threads as they were met, and the
 * profile that is being filled.
 */
#include "internal.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Readings of a thread that does not hold still, before it is looked for on other CPUs. */
#define TRIES_HERE 2

/* A thread without Python may run some later (a thread pool's): look again then. */
#define RETRY_NS 1000000000ull

uint64_t clock_ns(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int begin_profile(struct target *t)
{
        struct profile *profile = profile_new();

        if (!profile)
                return -ENOMEM;
        t->profile = profile;
        t->since_ns = clock_ns(CLOCK_REALTIME);
        t->since_mono_ns = clock_ns(CLOCK_MONOTONIC);
        stacks_clear(&t->stacks);
        for (struct member *m = t->members; m; m = m->hh.next)
                m->id = m->clock.stack = 0;
        return 0;
}

int target_new(pid_t pid, struct pystack *py, struct target **ret)
{
        struct target *t = calloc(1, sizeof *t);

        if (!t)
                return -ENOMEM;
        t->pid = pid;
        int r = begin_profile(t);
        if (r < 0) {
                free(t);
                return r;
        }
        pthread_mutex_init(&t->lock, NULL);
        t->py = py;
        *ret = t;
        return 0;
}

static void member_free(struct target *t, struct member *m)
{
        HASH_DEL(t->members, m);
        pystack_thread_close(m->thread);
        if (m->clock.fd >= 0)
                close(m->clock.fd);
        if (m->clock.stat_fd >= 0)
                close(m->clock.stat_fd);
        free(m);
}

void target_free(struct target *t)
{
        struct member *m, *next;

        if (!t)
                return;
        HASH_ITER(hh, t->members, m, next)
                member_free(t, m);
        for (size_t i = 0; i < t->n_events; i++)
                close(t->events[i]);
        free(t->events);
        free(t->pending);
        stacks_deinit(&t->stacks);
        profile_free(t->profile);
        pystack_close(t->py);
        pthread_mutex_destroy(&t->lock);
        free(t);
}

/* ---- threads ------------------------------------------------------------------- */

/* Finds the Python thread that the target itself calls @inner_tid. */
static int open_thread(struct target *t, pid_t inner_tid, struct pystack_thread **ret)
{
        const struct pystack_thread_ref *refs;
        size_t n;
        int r = pystack_threads(t->py, &refs, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                if (refs[i].inner_tid == inner_tid)
                        return pystack_thread_open(t->py, &refs[i], ret);
        return r;
}

static struct member *member_new(struct target *t, const struct nsutil_thread *thread)
{
        struct member *m = calloc(1, sizeof *m);

        if (!m)
                return NULL;
        m->tid = thread->tid;
        m->clock.fd = m->clock.stat_fd = -1;
        memcpy(m->name, thread->name, sizeof m->name);
        HASH_ADD_INT(t->members, tid, m);
        return m;
}

/* Finds out whether the thread runs Python by now, if it is time for that. */
static struct member *member_look(struct target *t, struct member *m, pid_t tid)
{
        struct nsutil_thread thread;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if ((m && now < m->retry_ns) || nsutil_thread_read(t->pid, tid, &thread) != 0)
                return m;
        if (!m)
                m = member_new(t, &thread);
        if (!m)
                return NULL;
        m->retry_ns = now + RETRY_NS;
        memcpy(m->name, thread.name, sizeof m->name);
        m->id = 0;
        open_thread(t, thread.inner_tid, &m->thread);
        return m;
}

struct member *target_member(struct target *t, pid_t tid)
{
        struct member *m;

        HASH_FIND_INT(t->members, &tid, m);
        return m && m->thread ? m : member_look(t, m, tid);
}

static int by_inner_tid(const void *a, const void *b)
{
        pid_t left = ((const struct pystack_thread_ref *)a)->inner_tid;
        pid_t right = ((const struct pystack_thread_ref *)b)->inner_tid;

        return (left > right) - (left < right);
}

/* Sorted by TID; a copy, since opening threads may overwrite the list. */
static struct pystack_thread_ref *list_refs(struct target *t, size_t *ret_n)
{
        const struct pystack_thread_ref *refs;

        if (pystack_threads(t->py, &refs, ret_n) != 0 || *ret_n == 0)
                return NULL;
        struct pystack_thread_ref *copy = malloc(*ret_n * sizeof *copy);
        if (copy) {
                memcpy(copy, refs, *ret_n * sizeof *copy);
                qsort(copy, *ret_n, sizeof *copy, by_inner_tid);
        }
        return copy;
}

static void list_thread(struct target *t, const struct nsutil_thread *thread, const struct pystack_thread_ref *refs,
                        size_t n, uint64_t now)
{
        const struct pystack_thread_ref key = { .inner_tid = thread->inner_tid };
        struct member *m;

        HASH_FIND_INT(t->members, &thread->tid, m);
        if (!m && !(m = member_new(t, thread)))
                return;
        m->listed_ns = now;
        const struct pystack_thread_ref *ref = m->thread || !refs ? NULL : bsearch(&key, refs, n, sizeof *refs, by_inner_tid);
        if (ref)
                pystack_thread_open(t->py, ref, &m->thread);
}

void target_list_members(struct target *t)
{
        struct nsutil_thread *threads;
        struct member *m, *next;
        size_t n, n_refs = 0;
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if (nsutil_threads_read(t->pid, &threads, &n) != 0)
                return;
        struct pystack_thread_ref *refs = list_refs(t, &n_refs);
        for (size_t i = 0; i < n; i++)
                list_thread(t, &threads[i], refs, n_refs, now);
        HASH_ITER(hh, t->members, m, next)
                if (m->listed_ns != now)
                        member_free(t, m);
        free(refs);
        free(threads);
}

/* ---- samples ------------------------------------------------------------------- */

static profile_id thread_id(struct target *t, const struct sampler *s, struct member *m)
{
        if (s->config.threads && !m->id)
                m->id = profile_intern_thread(t->profile, (uint64_t)m->tid, m->name);
        return m->id;
}

static profile_id count_stack(struct target *t, const struct sampler *s, struct member *m,
                              const struct pystack_stack *stack, const struct tick_event *event,
                              enum profile_state state)
{
        struct pending found = {
                .stack = stacks_find(&t->stacks, t->profile, t->py, stack),
                .thread = thread_id(t, s, m),
                .state = state,
                .ns = event->ns,
                .retried = stack->retries > 0,
        };

        if (stack->provisional)
                pending_add(t, &found);
        else if (!pending_count(t, &found))
                return 0;
        return found.stack;
}

/*
 * The thread was preempted by us on our CPU; if it does not hold still all the
 * same, it has been moved to another one.
 */
static int read_thread(struct target *t, struct member *m, const struct tick_event *event, struct pystack_stack *ret)
{
        int e = pystack_sample_held(t->py, m->thread, event->hold, TRIES_HERE, ret);

        if (e != PYSTACK_E_TORN)
                return e;
        if (reader_pursue(t->py, m->thread, m->tid, event->cpu, ret, &e) && event->cpu >= 0)
                reader_pin(event->cpu);
        if (e == 0)
                ret->retries += TRIES_HERE;
        return e;
}

profile_id target_read(struct target *t, const struct sampler *s, const struct tick_event *event,
                       enum profile_state state)
{
        struct profile_counters *counters = profile_counters(t->profile);
        struct pystack_stack stack;
        struct member *m = target_member(t, event->tid);

        if (!m || !m->thread)
                return 0;
        counters->ticks++;
        pending_allow(t, event->ns, state);
        switch (read_thread(t, m, event, &stack)) {
        case 0:
                return count_stack(t, s, m, &stack, event, state);
        case PYSTACK_E_GONE:
                counters->gone++;
                member_free(t, m);
                return 0;
        case PYSTACK_E_TORN:
                counters->torn++;
                return 0;
        default:
                counters->failed++;
                return 0;
        }
}

void target_add_known(struct target *t, const struct sampler *s, const struct tick_event *event, struct member *m,
                      profile_id stack, enum profile_state state)
{
        struct pending known = { .stack = stack, .thread = m ? thread_id(t, s, m) : 0, .state = state, .ns = event->ns };

        profile_counters(t->profile)->ticks++;
        pending_count(t, &known);
}

void target_add_pseudo(struct target *t, const struct sampler *s, const struct tick_event *event, const char *name,
                       enum profile_state state)
{
        target_add_known(t, s, event, NULL, stacks_pseudo(t->profile, name), state);
}

void target_trim(struct target *t)
{
        pending_settle(t);
        pystack_trim(t->py);
        stacks_deinit(&t->stacks);
}

int target_take(struct target *t, const struct sampler *s, struct profile **ret)
{
        struct profile *done = t->profile;
        struct profile_settings settings = {
                .mode = s->config.mode,
                .period_ns = atomic_load(&s->period_ns),
                .start_ns = t->since_ns,
                .duration_ns = clock_ns(CLOCK_MONOTONIC) - t->since_mono_ns,
                .engine = s->tick->name,
        };
        pending_settle(t);
        int r = begin_profile(t);

        if (r < 0)
                return r;
        profile_set_settings(done, &settings);
        *ret = done;
        return 0;
}
