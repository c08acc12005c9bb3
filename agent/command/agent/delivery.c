/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread has one window at a time. Until it has handed that over, the caller ends no other window. The present
 * window becomes longer instead, so that neither memory nor a queue grows behind a slow disk.
 */
#include "delivery.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct delivery {
        struct destinations *destinations;
        pthread_t thread;
        bool started;
        int done_fd; /* eventfd: see delivery_fd() */

        pthread_mutex_t lock; /* protects the members below */
        pthread_cond_t changed;
        bool busy, closing;
        struct profile_set set; /* profiles of the window that the thread has */
        int result;             /* of the last window: 0 or negative errno */
};

static int hand_over(struct delivery *d)
{
        int r = destinations_send(d->destinations, &d->set);

        profile_set_deinit(&d->set);
        d->set = (struct profile_set){ 0 };
        /* glibc keeps for this thread what it has freed, and the thread needs nothing until the next window. */
        malloc_trim(0);
        return r;
}

static void *hand_over_windows(void *ctx)
{
        struct delivery *d = ctx;

        pthread_mutex_lock(&d->lock);
        for (;;) {
                while (!d->busy && !d->closing)
                        pthread_cond_wait(&d->changed, &d->lock);
                if (!d->busy)
                        break;
                pthread_mutex_unlock(&d->lock);
                int r = hand_over(d);
                pthread_mutex_lock(&d->lock);
                d->result = r;
                d->busy = false;
                eventfd_write(d->done_fd, 1);
                pthread_cond_broadcast(&d->changed);
        }
        pthread_mutex_unlock(&d->lock);
        return NULL;
}

int delivery_open(struct destinations *destinations, struct delivery **ret)
{
        struct delivery *d = calloc(1, sizeof *d);

        if (!d)
                return -ENOMEM;
        d->destinations = destinations;
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->changed, NULL);
        d->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int e = d->done_fd < 0 ? -errno : -pthread_create(&d->thread, NULL, hand_over_windows, d);
        d->started = e == 0;
        if (e == 0)
                *ret = d;
        else
                delivery_close(d);
        return e;
}

void delivery_close(struct delivery *d)
{
        if (!d)
                return;
        pthread_mutex_lock(&d->lock);
        d->closing = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
        if (d->started)
                pthread_join(d->thread, NULL);
        if (d->done_fd >= 0)
                close(d->done_fd);
        pthread_cond_destroy(&d->changed);
        pthread_mutex_destroy(&d->lock);
        free(d);
}

void delivery_wait(struct delivery *d)
{
        pthread_mutex_lock(&d->lock);
        while (d->busy)
                pthread_cond_wait(&d->changed, &d->lock);
        pthread_mutex_unlock(&d->lock);
}

void delivery_begin(struct delivery *d, struct profile_set *set)
{
        delivery_wait(d);
        pthread_mutex_lock(&d->lock);
        d->set = *set;
        d->busy = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
        *set = (struct profile_set){ 0 };
}

bool delivery_is_busy(struct delivery *d)
{
        pthread_mutex_lock(&d->lock);
        bool busy = d->busy;
        pthread_mutex_unlock(&d->lock);
        return busy;
}

int delivery_fd(const struct delivery *d)
{
        return d->done_fd;
}

bool delivery_take_result(struct delivery *d, int *ret)
{
        eventfd_t n;

        if (eventfd_read(d->done_fd, &n) != 0)
                return false;
        pthread_mutex_lock(&d->lock);
        *ret = d->result;
        pthread_mutex_unlock(&d->lock);
        return true;
}
