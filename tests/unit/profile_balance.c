/* SPDX-License-Identifier: Apache-2.0 */
/* The books: coverage, when it is low, and where the rest of the time went. */
#include "agent/profile/profile.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND 1000000000ull
#define PERIOD 10000000ull /* 100 Hz */

Test(balance, coverage_is_the_share_of_the_accounted_time)
{
        struct profile_counters c = { .accounted_ns = 10 * SECOND, .sampled_ns = 9 * SECOND };

        cr_assert_float_eq(profile_coverage(&c), 0.9, 1e-9);
}

Test(balance, threads_that_are_not_wanted_are_covered)
{
        struct profile_counters c = { .accounted_ns = 10 * SECOND,
                                      .sampled_ns = 5 * SECOND,
                                      .left_out_ns = 5 * SECOND };

        cr_assert_float_eq(profile_coverage(&c), 1, 1e-9);
        cr_assert(!profile_coverage_is_low(&c, PERIOD));
}

Test(balance, without_an_account_there_is_no_coverage)
{
        struct profile_counters c = { .sampled_ns = SECOND, .torn_ns = SECOND };

        cr_assert_lt(profile_coverage(&c), 0);
        cr_assert(!profile_coverage_is_low(&c, PERIOD));
}

/* 40 ticks of 49 expected: two standard errors are 14. Of 10 s the same share is no chance. */
Test(balance, chance_is_no_low_coverage)
{
        struct profile_counters few = { .accounted_ns = 49 * PERIOD, .sampled_ns = 40 * PERIOD };
        struct profile_counters many = { .accounted_ns = 4900 * PERIOD, .sampled_ns = 4000 * PERIOD };

        cr_assert(!profile_coverage_is_low(&few, PERIOD));
        cr_assert(profile_coverage_is_low(&many, PERIOD));
}

Test(balance, losses_that_were_counted_are_no_chance)
{
        struct profile_counters c = { .accounted_ns = 4900 * PERIOD,
                                      .sampled_ns = 4900 * PERIOD,
                                      .torn_ns = 400 * PERIOD };

        cr_assert(profile_coverage_is_low(&c, PERIOD));
}

Test(balance, losses_are_told_by_reason_and_the_rest_is_unseen)
{
        struct profile_counters c = { .accounted_ns = 100,
                                      .sampled_ns = 50,
                                      .unopened_ns = 1,
                                      .late_ns = 2,
                                      .torn_ns = 3,
                                      .gone_ns = 4,
                                      .failed_ns = 5 };
        struct profile_loss losses[PROFILE_LOSSES];
        const uint64_t expected[PROFILE_LOSSES] = { 1, 2, 3, 4, 5, 35 };

        profile_losses(&c, losses);
        for (size_t i = 0; i < PROFILE_LOSSES; i++)
                cr_assert_eq(losses[i].ns, expected[i], "%s", losses[i].name);
        cr_assert_str_eq(losses[PROFILE_LOSSES - 1].name, "unseen");
}

Test(balance, more_samples_than_time_leave_nothing_unseen)
{
        struct profile_counters c = { .accounted_ns = 100, .sampled_ns = 103 };
        struct profile_loss losses[PROFILE_LOSSES];

        profile_losses(&c, losses);
        cr_assert_eq(losses[PROFILE_LOSSES - 1].ns, 0);
        cr_assert_float_eq(profile_coverage(&c), 1.03, 1e-9);
}

Test(balance, sums_take_every_field)
{
        struct profile_counters sum, part;

        memset(&sum, 0, sizeof sum);
        for (size_t i = 0; i < sizeof part / sizeof(uint64_t); i++)
                ((uint64_t *)&part)[i] = i + 1;
        profile_counters_add(&sum, &part);
        profile_counters_add(&sum, &part);
        for (size_t i = 0; i < sizeof sum / sizeof(uint64_t); i++)
                cr_assert_eq(((uint64_t *)&sum)[i], 2 * (i + 1));
}

static const char *told(struct profile_counters c, enum profile_mode mode)
{
        static char text[PROFILE_COVERAGE_SIZE];

        profile_coverage_tell(&c, mode, text, sizeof text);
        return text;
}

Test(balance, a_sentence_tells_the_greatest_losses_first)
{
        cr_expect_str_eq(told((struct profile_counters){ .accounted_ns = 603 * PERIOD,
                                                         .sampled_ns = 369 * PERIOD,
                                                         .unopened_ns = 14 * PERIOD,
                                                         .gone_ns = 1000 },
                              PROFILE_MODE_CPU),
                         "61.2 %: of 6.03 s of CPU time, samples stand for 3.69 s; not seen by any tick 2.20 s, "
                         "before it was opened 0.14 s");
        cr_expect_str_eq(
                told((struct profile_counters){ .accounted_ns = SECOND, .sampled_ns = SECOND }, PROFILE_MODE_WALL),
                "100.0 %: of 1.00 s of the threads' time, samples stand for 1.00 s");
        cr_expect_str_eq(told((struct profile_counters){ .accounted_ns = 4 * SECOND,
                                                         .sampled_ns = SECOND,
                                                         .left_out_ns = 3 * SECOND },
                              PROFILE_MODE_CPU),
                         "100.0 %: of 4.00 s of CPU time, samples stand for 1.00 s, 3.00 s are left out as asked");
        cr_expect_str_eq(told((struct profile_counters){ .sampled_ns = SECOND }, PROFILE_MODE_CPU), "");
}

Test(balance, a_sentence_fits_into_what_there_is)
{
        struct profile_counters c = { .accounted_ns = UINT64_MAX,
                                      .sampled_ns = 1,
                                      .left_out_ns = SECOND,
                                      .unopened_ns = UINT64_MAX,
                                      .torn_ns = UINT64_MAX,
                                      .late_ns = UINT64_MAX,
                                      .gone_ns = UINT64_MAX,
                                      .failed_ns = UINT64_MAX };
        char text[32];

        cr_expect_lt(strlen(told(c, PROFILE_MODE_WALL)), PROFILE_COVERAGE_SIZE - 1, "all of it");
        profile_coverage_tell(&c, PROFILE_MODE_CPU, text, sizeof text);
        cr_expect_lt(strlen(text), sizeof text);
}
