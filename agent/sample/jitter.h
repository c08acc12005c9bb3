/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_JITTER_H
#define SAMPLE_JITTER_H

/*
 * Chance for the intervals between ticks. A clock with a fixed period falls into step with everything that has the same
 * period: a program's own timer, another profiler. Then the clock meets the same moment always, or never. So each
 * interval is drawn anew. The mean of the intervals is the nominal period, and a tick stands for that period.
 */

#include <stdint.h>

struct jitter {
        uint64_t state;
};

/* Seeds @ret from the clock and from its own address. */
void jitter_init(struct jitter *ret);

/* An interval between 7/8 and 9/8 of @period_ns; on average @period_ns. */
uint64_t jitter_interval(struct jitter *jitter, uint64_t period_ns);

/* The time until the first tick of a clock, as if the clock had run before: between 1 and @period_ns. */
uint64_t jitter_phase(struct jitter *jitter, uint64_t period_ns);

/* An interval of mean @mean_ns with an exponential distribution: the time waited so far says nothing about the rest. */
uint64_t jitter_memoryless(struct jitter *jitter, uint64_t mean_ns);

#endif
