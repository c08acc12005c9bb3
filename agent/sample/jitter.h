/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_JITTER_H
#define SAMPLE_JITTER_H

/*
 * Chance for ticks. A clock with a fixed period falls into step with whatever has
 * the same period: a program's own timer, another profiler. It then sees always
 * the same moment, or never. So each interval is drawn anew; its mean is the
 * nominal period, and a tick stands for that.
 */

#include <stdint.h>

struct jitter {
        uint64_t state;
};

/* Seeds it from the clock and from where @ret lies. */
void jitter_init(struct jitter *ret);

/* An interval between 7/8 and 9/8 of @period_ns; on average @period_ns. */
uint64_t jitter_interval(struct jitter *jitter, uint64_t period_ns);

/* How long until the first tick of a clock that nobody has started: between 1 and @period_ns. */
uint64_t jitter_phase(struct jitter *jitter, uint64_t period_ns);

/* A time of that mean that tells nothing of how long to wait still, however long one has waited (exponential). */
uint64_t jitter_memoryless(struct jitter *jitter, uint64_t mean_ns);

#endif
