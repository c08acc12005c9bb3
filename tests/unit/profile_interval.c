/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/profile/profile.h"
#include "tests/unit/support/suite.h"

#include <math.h>

SUITE(profile_interval);

/* R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3. */
static const struct {
        uint64_t hits, samples;
        double low, high;
} published[] = {
        { 81, 263, 0.2553, 0.3662 },
        { 15, 148, 0.0624, 0.1605 },
        { 0, 20, 0.0000, 0.1611 },
        { 1, 29, 0.0061, 0.1718 },
};

Test(profile_interval, is_what_was_published, .timeout = 60)
{
        for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
                struct profile_interval of = profile_interval(published[i].hits, published[i].samples);

                cr_expect(fabs(of.low - published[i].low) < 5.1e-5, "%zu: low %.6f", i, of.low);
                cr_expect(fabs(of.high - published[i].high) < 5.1e-5, "%zu: high %.6f", i, of.high);
        }
}

/* At its ends the share that was seen is exactly the quantile's number of standard errors away. */
Test(profile_interval, ends_where_its_definition_says, .timeout = 60)
{
        for (uint64_t n = 1; n < 1000000; n = n * 3 + 1)
                for (uint64_t hits = 1; hits < n; hits += n / 10 + 1) {
                        struct profile_interval of = profile_interval(hits, n);
                        double ends[] = { of.low, of.high };

                        for (size_t i = 0; i < 2; i++) {
                                double error = sqrt(ends[i] * (1 - ends[i]) / (double)n);

                                cr_expect(fabs(fabs(of.share - ends[i]) / error - 1.959963984540054) < 1e-6);
                        }
                }
}

Test(profile_interval, without_samples_nothing_is_known, .timeout = 60)
{
        struct profile_interval of = profile_interval(0, 0);

        cr_expect_eq(of.low, 0);
        cr_expect_eq(of.high, 1);
}

/* Of 10^18 samples a double does not hold each one. */
Test(profile_interval, holds_the_share_for_any_numbers, .timeout = 60)
{
        for (uint64_t n = 1; n < UINT64_MAX / 7; n *= 7)
                for (unsigned part = 0; part <= 7; part++) {
                        struct profile_interval of = profile_interval(n / 7 * part, n);

                        cr_expect(of.low >= 0 && of.low <= of.share && of.share <= of.high && of.high <= 1);
                }
}

Test(profile_interval, more_hits_than_samples_are_all_of_them, .timeout = 60)
{
        cr_expect_eq(profile_interval(9, 5).share, 1);
        cr_expect_eq(profile_interval(9, 5).high, 1);
}
