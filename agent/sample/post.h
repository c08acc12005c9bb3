/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_POST_H
#define SAMPLE_POST_H

/*
 * The post of a thread that reads targets. A target may hold the thread up for ever (see nsutil_attempt()). Then
 * another thread relieves it, and takes what the thread was serving. If the relieved thread ever wakes up, it touches
 * only its own memory and the target that it is at, and ends.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct sampler;

struct post {
        struct sampler *sampler;
        pthread_t thread;
        _Atomic pid_t tid; /* the thread's TID; 0: the thread has not begun yet */
        _Atomic int state; /* where the thread is: see post.c */
};

/* Starts the thread. 0 or a positive errno. */
int post_start(struct post *post, struct sampler *sampler, void *(*run)(void *), void *arg);

/* The thread itself calls these four. post_begin() is its first call. */
void post_begin(struct post *post);
/* To be called before the thread touches targets, and after. */
void post_enter(struct post *post);
/* False: the thread was relieved. Then it has to free its own memory, call post_end(), and end. */
bool post_leave(struct post *post);
/* To be called by a relieved thread at its end. The sampler may be gone afterwards. */
void post_end(struct sampler *sampler);

/*
 * Other threads call these. post_relieve() relieves the thread, which is asleep at a target. False: the thread is at no
 * target. The caller then takes what the thread was serving, and calls post_release(), which lets the thread go on.
 */
bool post_relieve(struct post *post);
void post_release(struct post *post);

/* Waits until the thread, which was told to end, has ended. False: the thread hangs, and is relieved now. */
bool post_join(struct post *post);

#endif
