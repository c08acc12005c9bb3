/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_WATCHDOG_H
#define SAMPLE_WATCHDOG_H

/*
 * A thread of ordinary priority that finds the targets whose memory does not answer. Such a target holds up a reader,
 * or a thread that waits for the target's lock, for 3 s at most: NSUTIL_HANG_MS, and the time between two looks.
 */

#include <pthread.h>
#include <stdbool.h>

struct sampler;

struct watchdog {
        pthread_t thread;
        pthread_mutex_t lock; /* guards @stop */
        pthread_cond_t told;  /* signalled when @stop is set */
        bool stop;            /* the thread is to end */
        bool running;         /* the thread was started */
};

/* Starts the watchdog of @sampler, whose engine runs. 0 or negative errno. */
int watchdog_start(struct sampler *sampler);
/* Stops the watchdog. The engine and the decoder must have stopped: until then they may wait for a silent target. */
void watchdog_stop(struct sampler *sampler);

#endif
