/* SPDX-License-Identifier: Apache-2.0 */
/* A rate that changes: what a tick stands for is decided by when it was. */
#include "agent/sample/internal.h"
#include "tests/unit/support/suite.h"

#include <stdatomic.h>

SUITE(sample_rate);

static unsigned told;

static void set_period(void *state)
{
        (void)state;
        told++;
}

static const struct tick tick = { .name = "none", .set_period = set_period };

Test(sample_rate, ticks_before_a_change_keep_their_period)
{
        struct sampler s = { .config = { .rate = 1000 }, .tick = &tick };
        uint64_t before = clock_ns(CLOCK_MONOTONIC);

        atomic_init(&s.period_ns, 1000000);
        cr_expect_eq(sampler_period_ns(&s, before), 1000000);
        sampler_set_rate(&s, 50);
        cr_expect_eq(sampler_period_ns(&s, before), 1000000);
        cr_expect_eq(sampler_period_ns(&s, clock_ns(CLOCK_MONOTONIC)), 20000000);
        cr_expect_eq(told, 1);
        sampler_set_rate(&s, 50);
        cr_expect_eq(told, 1, "nothing changes");
        sampler_set_rate(&s, 20000);
        cr_expect_eq(sampler_period_ns(&s, clock_ns(CLOCK_MONOTONIC)), 50000);
}
