/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog looks for threads that have had the lock of a target for too long and do not run. A thread of that kind
 * waits for memory that does not answer. Its target is silent from then on. If the thread is a reader, a new reader
 * relieves it.
 */
#include "watchdog.h"

#include "internal.h"

#include <time.h>

/* The time between two looks: as a rule, and while a thread may hang. */
#define LOOK_NS 500000000u
#define CLOSE_LOOK_NS 100000000u

/* The number of threads that one look finds at most. The next look finds the others. */
#define FOUND_MAX 8

struct found {
        pid_t tids[FOUND_MAX];
        size_t n;
        bool suspects; /* a thread has had a lock for long, and may hang */
};

static void look_at(struct target *t, uint64_t now, struct found *ret)
{
        pid_t tid = atomic_load_explicit(&t->held_by, memory_order_acquire);
        uint64_t since = atomic_load_explicit(&t->held_ns, memory_order_relaxed);

        if (tid == 0 || target_is_silent(t) || now < since + NSUTIL_SUSPECT_MS * 1000000ull)
                return;
        ret->suspects = true;
        if (since != t->pulse_of) {
                t->pulse = (struct nsutil_pulse){ 0 };
                t->pulse_of = since;
        }
        if (ret->n < FOUND_MAX && nsutil_pulse_stands(&t->pulse, tid)) {
                target_silence(t);
                ret->tids[ret->n++] = tid;
        }
}

/* Returns whether the next look is to come soon. */
static bool look_at_all_targets(struct sampler *s)
{
        struct found found = { .n = 0 };
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        table_read(&s->lock);
        for (struct target *t = s->targets; t; t = t->hh.next)
                look_at(t, now, &found);
        if (s->leaving)
                look_at(s->leaving, now, &found);
        table_read_end(&s->lock);
        pthread_mutex_lock(&s->engine);
        for (size_t i = 0; i < found.n && !s->closing; i++)
                s->tick->relieve(s->tick_state, found.tids[i]);
        pthread_mutex_unlock(&s->engine);
        return found.suspects;
}

static void *run_watchdog(void *arg)
{
        struct sampler *s = arg;
        struct watchdog *w = &s->watchdog;
        bool soon = false;

        pthread_mutex_lock(&w->lock);
        while (!w->stop) {
                const struct timespec at = clock_after(CLOCK_MONOTONIC, soon ? CLOSE_LOOK_NS : LOOK_NS);
                pthread_cond_clockwait(&w->told, &w->lock, CLOCK_MONOTONIC, &at);
                pthread_mutex_unlock(&w->lock);
                soon = look_at_all_targets(s);
                pthread_mutex_lock(&w->lock);
        }
        pthread_mutex_unlock(&w->lock);
        return NULL;
}

int watchdog_start(struct sampler *s)
{
        struct watchdog *w = &s->watchdog;

        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->told, NULL);
        int e = pthread_create(&w->thread, NULL, run_watchdog, s);
        w->running = e == 0;
        return -e;
}

void watchdog_stop(struct sampler *s)
{
        struct watchdog *w = &s->watchdog;

        if (!w->running)
                return;
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_signal(&w->told);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->told);
        pthread_mutex_destroy(&w->lock);
}
