/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has a target. A thread that reads a target holds the target's lock. If the target's memory does not answer, that
 * thread never lets the lock go: then the target is called silent, and nobody waits for the lock any more. The target
 * has a user for the thread, so it is freed when the thread wakes up, or never.
 */
#include "internal.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* How long a thread waits for a lock without giving up its CPU. Most stacks are read in less time. */
#define LOCK_NS 300000u

/* A thread that waits for a target's lock looks this often whether the target is silent by now. */
#define WAIT_NS 100000000u

/* A thread that waits for a target's readers looks this often whether they have gone. */
#define READERS_NS 50000

static pid_t own_tid(void)
{
        static _Thread_local pid_t tid;

        if (tid == 0)
                tid = gettid();
        return tid;
}

/* Kernels before 5.14 measure such a time by the wall clock only. */
static int lock_within(pthread_mutex_t *lock, clockid_t clock)
{
        const struct timespec end = clock_after(clock, WAIT_NS);

        int e = pthread_mutex_clocklock(lock, clock, &end);
        return e == EINVAL && clock != CLOCK_REALTIME ? lock_within(lock, CLOCK_REALTIME) : e;
}

static bool wait_for_lock(struct target *t)
{
        while (!target_is_silent(t))
                if (lock_within(&t->lock, CLOCK_MONOTONIC) == 0)
                        return true;
        return false;
}

enum target_held target_lock(struct target *t)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC), now = begin;
        bool held = pthread_mutex_trylock(&t->lock) == 0;

        while (!held && now - begin <= LOCK_NS) {
                held = pthread_mutex_trylock(&t->lock) == 0;
                now = clock_ns(CLOCK_MONOTONIC);
        }
        bool late = !held;
        if (!held && !wait_for_lock(t))
                return TARGET_SILENT;
        if (target_is_silent(t)) {
                pthread_mutex_unlock(&t->lock);
                return TARGET_SILENT;
        }
        atomic_store_explicit(&t->held_ns, late ? clock_ns(CLOCK_MONOTONIC) : now, memory_order_relaxed);
        atomic_store_explicit(&t->held_by, own_tid(), memory_order_release);
        return late ? TARGET_HELD_LATE : TARGET_HELD;
}

void target_lock_turn(pthread_mutex_t *turn)
{
        while (lock_within(turn, CLOCK_MONOTONIC) == ETIMEDOUT)
                ;
}

void target_unlock(struct target *t)
{
        atomic_store_explicit(&t->held_by, 0, memory_order_release);
        pthread_mutex_unlock(&t->lock);
}

bool target_is_silent(const struct target *t)
{
        return atomic_load_explicit(&t->silent, memory_order_acquire);
}

void target_silence(struct target *t)
{
        atomic_store(&t->silent, true);
        nsutil_give_up(t->pid);
}

void target_use(struct target *t)
{
        atomic_fetch_add_explicit(&t->users, 1, memory_order_relaxed);
}

void target_put(struct target *t)
{
        if (atomic_fetch_sub_explicit(&t->users, 1, memory_order_acq_rel) == 1)
                target_free(t);
}

void target_wait_for_readers(struct target *t)
{
        const struct timespec moment = { .tv_nsec = READERS_NS };

        while (atomic_load(&t->users) > 1 && !target_is_silent(t))
                nanosleep(&moment, NULL);
}

struct target *sampler_find(struct sampler *s, const struct sample_target *named)
{
        struct target *t = sampler_get(s, named->pid);

        if (t && t->start_time != named->start_time) {
                target_put(t);
                return NULL;
        }
        return t;
}

struct target *sampler_get(struct sampler *s, pid_t pid)
{
        struct target *t;

        table_read(&s->lock);
        HASH_FIND_INT(s->targets, &pid, t);
        if (t)
                target_use(t);
        table_read_end(&s->lock);
        return t;
}
