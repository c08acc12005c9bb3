/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that decodes. Targets with new stacks queue for it. Each target has one turn in a round, and there is a
 * pause between rounds: new stacks come in crowds, and to wake up for each stack would take as long as decoding it. So
 * a process whose names take long to decode gets a fifth of a CPU. Then its backlog is full, and it is sampled less.
 */
#include "decode.h"

#include "internal.h"

#include <errno.h>
#include <time.h>

#define PAUSE_NS 8000000

/* ---- who has asked ------------------------------------------------------------------ */

static void append_to_list(struct decoder *d, struct target *t)
{
        t->next_asked = NULL;
        if (d->first)
                d->last->next_asked = t;
        else
                d->first = t;
        d->last = t;
}

/*
 * Returns whether the target is the only one in the queue. A silent target is not appended: if a reader wakes up at it,
 * the sampler may have forgotten the reader and the target.
 */
static bool append_asking_target(struct decoder *d, struct target *t)
{
        pthread_mutex_lock(&d->list);
        bool silent = target_is_silent(t), first = !silent && !d->first;
        if (!silent)
                append_to_list(d, t);
        pthread_mutex_unlock(&d->list);
        return first;
}

static struct target *take_first(struct decoder *d)
{
        pthread_mutex_lock(&d->list);
        struct target *t = d->first;
        if (t)
                d->first = t->next_asked;
        pthread_mutex_unlock(&d->list);
        return t;
}

static size_t count_asking_targets(struct decoder *d)
{
        size_t n = 0;

        pthread_mutex_lock(&d->list);
        for (const struct target *t = d->first; t; t = t->next_asked)
                n++;
        pthread_mutex_unlock(&d->list);
        return n;
}

void decoder_ask(struct target *t)
{
        if (t->asked)
                return;
        t->asked = true;
        if (append_asking_target(t->decoder, t))
                sem_post(&t->decoder->asked);
}

void decoder_forget(struct decoder *d, struct target *t)
{
        struct target **at = &d->first, *before = NULL;

        pthread_mutex_lock(&d->list);
        while (*at && *at != t) {
                before = *at;
                at = &before->next_asked;
        }
        if (*at) {
                *at = t->next_asked;
                d->last = d->last == t ? before : d->last;
        }
        pthread_mutex_unlock(&d->list);
}

/* ---- the thread ----------------------------------------------------------------------- */

static void take_turn(struct decoder *d)
{
        pthread_mutex_lock(&d->turn);
        struct target *t = take_first(d);
        if (t && decode_some(t, d->sampler))
                append_asking_target(d, t);
        pthread_mutex_unlock(&d->turn);
}

static void *run_decoder(void *arg)
{
        static const struct timespec pause = { .tv_nsec = PAUSE_NS };
        struct decoder *d = arg;
        size_t n;

        while (!atomic_load(&d->stop)) {
                while (sem_wait(&d->asked) < 0)
                        ;
                while ((n = count_asking_targets(d)) > 0 && !atomic_load(&d->stop)) {
                        while (n-- > 0 && atomic_load(&d->takers) == 0)
                                take_turn(d);
                        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
                }
        }
        return NULL;
}

int decoder_open(struct decoder *d, struct sampler *s)
{
        d->sampler = s;
        inheriting_lock_init(&d->turn);
        inheriting_lock_init(&d->list);
        sem_init(&d->asked, 0, 0);
        return -pthread_create(&d->thread, NULL, run_decoder, d);
}

void decoder_close(struct decoder *d)
{
        atomic_store(&d->stop, true);
        sem_post(&d->asked);
        pthread_join(d->thread, NULL);
}

void decoder_deinit(struct decoder *d)
{
        sem_destroy(&d->asked);
        pthread_mutex_destroy(&d->list);
        pthread_mutex_destroy(&d->turn);
}
