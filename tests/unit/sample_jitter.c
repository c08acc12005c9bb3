/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals between ticks: their mean is the period, and no two clocks stay in step. */
#include "agent/sample/jitter.h"
#include "tests/unit/support/suite.h"

#include <math.h>

SUITE(sample_jitter);

#define PERIOD 10000000ull
#define DRAWS 20000

/* Even between 7/8 and 9/8: the standard deviation of one is the width by the root of 12. */
Test(sample_jitter, the_mean_interval_is_the_period)
{
        struct jitter jitter;
        double sum = 0, error = 0.25 * PERIOD / sqrt(12) / sqrt(DRAWS);

        jitter_init(&jitter);
        for (unsigned i = 0; i < DRAWS; i++) {
                uint64_t interval = jitter_interval(&jitter, PERIOD);
                cr_assert(interval >= PERIOD - PERIOD / 8 && interval <= PERIOD + PERIOD / 8);
                sum += (double)interval;
        }
        cr_assert_float_eq(sum / DRAWS, PERIOD, 5 * error);
}

Test(sample_jitter, the_first_tick_comes_at_any_moment_of_a_period)
{
        struct jitter jitter;
        unsigned by_tenth[10] = { 0 };

        jitter_init(&jitter);
        for (unsigned i = 0; i < DRAWS; i++) {
                uint64_t phase = jitter_phase(&jitter, PERIOD);
                cr_assert(phase >= 1 && phase <= PERIOD);
                by_tenth[(phase - 1) * 10 / PERIOD]++;
        }
        for (unsigned i = 0; i < 10; i++)
                cr_expect_float_eq((double)by_tenth[i], DRAWS / 10.0, 6 * sqrt(DRAWS / 10 * 0.9), "%u", i);
}

/* Two clocks with the same period meet within a hundredth of it no more often than chance has it: 2 in 100. */
Test(sample_jitter, clocks_of_one_period_do_not_stay_in_step)
{
        struct jitter a, b;
        double at_a = 0, at_b = 0;
        unsigned close = 0;

        jitter_init(&a);
        jitter_init(&b);
        b.state ^= 0x5555555555555555u;
        for (unsigned i = 0; i < DRAWS; i++) {
                at_a += (double)jitter_interval(&a, PERIOD);
                while (at_b < at_a)
                        at_b += (double)jitter_interval(&b, PERIOD);
                close += fmod(at_b - at_a, PERIOD) < PERIOD / 100;
        }
        cr_assert(close < DRAWS / 20, "%u", close);
}

/* Whoever has waited for a period waits for another one on average: of exponential times a part of 1/e is longer. */
Test(sample_jitter, memoryless_times_do_not_tell_how_long_to_wait_still)
{
        struct jitter jitter;
        double sum = 0, left = 0;
        unsigned longer = 0;

        jitter_init(&jitter);
        for (unsigned i = 0; i < DRAWS; i++) {
                double time = (double)jitter_memoryless(&jitter, PERIOD);
                sum += time;
                longer += time > PERIOD;
                left += time > PERIOD ? time - PERIOD : 0;
        }
        cr_expect_float_eq(sum / DRAWS, PERIOD, 6 * PERIOD / sqrt(DRAWS));
        cr_expect_float_eq(longer, DRAWS * exp(-1), 6 * sqrt(DRAWS * exp(-1)));
        cr_expect_float_eq(left / longer, PERIOD, 6 * PERIOD / sqrt(longer));
}

Test(sample_jitter, periods_of_any_length_can_be_varied)
{
        struct jitter jitter;

        jitter_init(&jitter);
        cr_expect_eq(jitter_interval(&jitter, 1), 1);
        cr_expect_eq(jitter_phase(&jitter, 1), 1);
        cr_expect(jitter_interval(&jitter, 1000000000u) > 800000000u);
}
