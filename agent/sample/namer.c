/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namer: a thread of ordinary priority that reads names of threads. Each reading is an errand, so a target whose
 * memory does not answer keeps the others waiting no longer than any errand does.
 */
#include "names.h"

#include "internal.h"

#include <errno.h>

/* The time between two readings of the names of one target. */
#define ROUND_NS 100000000ull

/* Targets that are looked at in a round. The others come in the next one. */
#define ROUND_TARGETS 64

static bool is_due(const struct target *t, uint64_t now)
{
        return atomic_load(&t->naming.asked) && now >= atomic_load(&t->naming.since_ns) + ROUND_NS;
}

/* Adds a user to each of the targets in @ret. @ret_left: names are wanted, now or later. */
static size_t list_asking_targets(struct sampler *s, struct target *ret[static ROUND_TARGETS], bool *ret_left)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        size_t n = 0;

        *ret_left = false;
        table_read(&s->lock);
        for (struct target *t = s->targets; t; t = t->hh.next) {
                if (target_is_silent(t) || !atomic_load(&t->naming.asked))
                        continue;
                *ret_left = true;
                if (n < ROUND_TARGETS && is_due(t, now)) {
                        target_use(t);
                        ret[n++] = t;
                }
        }
        table_read_end(&s->lock);
        return n;
}

/* Returns whether there may be more to do later. */
static bool run_round(struct namer *n)
{
        struct target *targets[ROUND_TARGETS];
        bool left;
        size_t found = list_asking_targets(n->sampler, targets, &left);

        for (size_t i = 0; i < found; i++) {
                if (!atomic_load(&n->stop))
                        errand_read_names(n->sampler, targets[i]);
                target_put(targets[i]);
        }
        return left;
}

static void *run_namer(void *arg)
{
        struct namer *n = arg;

        while (!atomic_load(&n->stop)) {
                const struct timespec at = clock_after(CLOCK_MONOTONIC, ROUND_NS);
                int r = run_round(n) ? sem_clockwait(&n->asked, CLOCK_MONOTONIC, &at) : sem_wait(&n->asked);
                (void)r; /* whatever has woken it, it looks */
        }
        return NULL;
}

int namer_open(struct namer *n, struct sampler *s)
{
        n->sampler = s;
        sem_init(&n->asked, 0, 0);
        int e = pthread_create(&n->thread, NULL, run_namer, n);
        n->running = e == 0;
        return -e;
}

void namer_close(struct namer *n)
{
        if (!n->running)
                return;
        atomic_store(&n->stop, true);
        sem_post(&n->asked);
        pthread_join(n->thread, NULL);
        n->running = false;
}

void namer_deinit(struct namer *n)
{
        if (n->sampler)
                sem_destroy(&n->asked);
}
