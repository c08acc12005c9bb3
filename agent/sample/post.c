/* SPDX-License-Identifier: Apache-2.0 */
/* Another thread relieves a thread that hangs at a target. */
#include "post.h"

#include "internal.h"

#include <time.h>
#include <unistd.h>

/* Where the thread is. RELEASED follows RELIEVED when the thread may go on. */
enum { AWAY, AT_TARGET, RELIEVED, RELEASED };

/* The time between two looks at a thread that is to end. */
#define LOOK_NS 100000000u

/* The time between two looks of a relieved thread at whether it may go on. */
#define RELEASE_NS 100000

int post_start(struct post *post, struct sampler *s, void *(*run)(void *), void *arg)
{
        post->sampler = s;
        atomic_init(&post->tid, 0);
        atomic_init(&post->state, AWAY);
        return pthread_create(&post->thread, NULL, run, arg);
}

void post_begin(struct post *post)
{
        atomic_store(&post->tid, gettid());
}

void post_enter(struct post *post)
{
        atomic_store(&post->state, AT_TARGET);
}

bool post_leave(struct post *post)
{
        const struct timespec moment = { .tv_nsec = RELEASE_NS };
        int at = AT_TARGET;

        if (atomic_compare_exchange_strong(&post->state, &at, AWAY))
                return true;
        while (atomic_load(&post->state) != RELEASED)
                nanosleep(&moment, NULL);
        return false;
}

void post_end(struct sampler *s)
{
        nsutil_count_hanging(-1);
        atomic_fetch_sub(&s->strays, 1);
}

bool post_relieve(struct post *post)
{
        int at = AT_TARGET;

        atomic_fetch_add(&post->sampler->strays, 1);
        if (!atomic_compare_exchange_strong(&post->state, &at, RELIEVED)) {
                atomic_fetch_sub(&post->sampler->strays, 1);
                return false;
        }
        nsutil_count_hanging(1);
        pthread_detach(post->thread); /* the thread does not end before it is released */
        return true;
}

void post_release(struct post *post)
{
        atomic_store(&post->state, RELEASED);
}

static bool has_thread_ended(struct post *post)
{
        const struct timespec at = clock_after(CLOCK_MONOTONIC, LOOK_NS);

        return pthread_clockjoin_np(post->thread, NULL, CLOCK_MONOTONIC, &at) == 0;
}

bool post_join(struct post *post)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        struct nsutil_pulse pulse = { 0 };

        while (!has_thread_ended(post))
                if (clock_ns(CLOCK_MONOTONIC) - begin > NSUTIL_SUSPECT_MS * 1000000ull &&
                    nsutil_pulse_stands(&pulse, atomic_load(&post->tid)) && post_relieve(post))
                        return false;
        return true;
}
