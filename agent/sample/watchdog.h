/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_WATCHDOG_H
#define SAMPLE_WATCHDOG_H

/*
 * A thread of ordinary priority that finds targets whose memory does not answer. No such target holds up a reader, or
 * whoever waits for its lock, for more than 3 s: NSUTIL_HANG_MS, and the time between the looks.
 */

#include <pthread.h>
#include <stdbool.h>

struct sampler;

struct watchdog {
        pthread_t thread;
        pthread_mutex_t lock; /* guards the next two */
        pthread_cond_t told;  /* to stop */
        bool stop;
        bool running;
};

/* Begins to look after @sampler, whose engine runs. 0 or negative errno. */
int watchdog_start(struct sampler *sampler);
/* To be called when the engine and the decoder have stopped: until then they may wait for a silent target. */
void watchdog_stop(struct sampler *sampler);

#endif
