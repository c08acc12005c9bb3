/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of processes that are left alone for good. A new entry takes the place of a process that has ended. If all
 * live, it takes the oldest entry's place.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <pthread.h>
#include <stdatomic.h>

#define PLACES 256

struct place {
        pid_t pid; /* 0: the place is free */
        uint64_t start_time;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the places */
static struct place places[PLACES];
static size_t oldest;
/* how many were given up since the start. It is 0 as a rule, which saves the search */
static _Atomic size_t n_given_up;

static bool is_still_there(const struct place *place)
{
        struct nsutil_stat stat;

        return place->pid != 0 && nsutil_stat_read(place->pid, &stat) == 0 && stat.start_time == place->start_time;
}

static struct place *choose_place(void)
{
        for (size_t i = 0; i < PLACES; i++)
                if (!is_still_there(&places[i]))
                        return &places[i];
        struct place *place = &places[oldest];
        oldest = (oldest + 1) % PLACES;
        return place;
}

static bool is_there(pid_t pid, uint64_t start_time)
{
        for (size_t i = 0; i < PLACES; i++)
                if (places[i].pid == pid && places[i].start_time == start_time)
                        return true;
        return false;
}

void nsutil_give_up(pid_t pid)
{
        struct nsutil_stat stat;

        if (nsutil_stat_read(pid, &stat) != 0)
                return;
        pthread_mutex_lock(&lock);
        if (!is_there(pid, stat.start_time))
                *choose_place() = (struct place){ .pid = pid, .start_time = stat.start_time };
        pthread_mutex_unlock(&lock);
        atomic_fetch_add(&n_given_up, 1);
}

bool nsutil_is_given_up(pid_t pid)
{
        struct nsutil_stat stat;

        if (atomic_load(&n_given_up) == 0 || nsutil_stat_read(pid, &stat) != 0)
                return false;
        pthread_mutex_lock(&lock);
        bool is = is_there(pid, stat.start_time);
        pthread_mutex_unlock(&lock);
        return is;
}
