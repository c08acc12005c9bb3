/* SPDX-License-Identifier: Apache-2.0 */
/* Chance for the intervals between ticks. */
#include "jitter.h"

#include "internal.h"

#include <math.h>

/* An interval differs from the period by an eighth of the period at most. */
#define SPREAD_DIVISOR 8

void jitter_init(struct jitter *ret)
{
        ret->state = (clock_ns(CLOCK_MONOTONIC) ^ (uintptr_t)ret) | 1;
}

/* xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift generators): intervals need no better one. */
static uint64_t draw_random(struct jitter *jitter)
{
        jitter->state ^= jitter->state >> 12;
        jitter->state ^= jitter->state << 25;
        jitter->state ^= jitter->state >> 27;
        return jitter->state * 0x2545f4914f6cdd1du;
}

uint64_t jitter_interval(struct jitter *jitter, uint64_t period_ns)
{
        uint64_t spread = period_ns / SPREAD_DIVISOR;

        return period_ns - spread + draw_random(jitter) % (2 * spread + 1);
}

uint64_t jitter_phase(struct jitter *jitter, uint64_t period_ns)
{
        return 1 + draw_random(jitter) % period_ns;
}

uint64_t jitter_memoryless(struct jitter *jitter, uint64_t mean_ns)
{
        double part = ((double)(draw_random(jitter) >> 11) + 1) * 0x1p-53; /* above 0, up to 1 */

        return (uint64_t)(-log(part) * (double)mean_ns);
}
