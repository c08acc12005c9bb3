/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_POST_H
#define SAMPLE_POST_H

/*
 * A thread that reads targets, whose post others can take. A target may hold it up for ever (see nsutil_attempt()).
 * Then the thread is relieved: whoever does that has what the thread was serving, and the thread, once it wakes up,
 * ends without touching anything but the target that it is at and its own memory.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct sampler;

struct post {
        struct sampler *sampler;
        pthread_t thread;
        _Atomic pid_t tid; /* 0: it has not begun yet */
        _Atomic int state;
};

/* Starts the thread. 0 or a positive errno. */
int post_start(struct post *post, struct sampler *sampler, void *(*run)(void *), void *arg);

/* By the thread: when it begins, and around everything that it does with targets. */
void post_begin(struct post *post);
void post_enter(struct post *post);
/* False if it was relieved: it is to free what is its own, and to end after post_end(). */
bool post_leave(struct post *post);
/* The sampler may be gone afterwards. */
void post_end(struct sampler *sampler);

/*
 * By others: relieves the thread, which is asleep at a target. False if it is at none (any more). Once what it was
 * serving is somebody else's, post_release() lets it go.
 */
bool post_relieve(struct post *post);
void post_release(struct post *post);

/* Waits until the thread, which was told to, has ended. False if it hangs: then it is relieved. */
bool post_join(struct post *post);

#endif
