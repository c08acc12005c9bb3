/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/record/coverage.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE(command_coverage);

#define MS 1000000ull
#define PERIOD (10 * MS)

/* A process of which so many milliseconds were accounted, and samples stand for the others. */
static void add(struct profile_set *set, int pid, uint64_t accounted_ms, uint64_t sampled_ms)
{
        struct profile *p = profile_new();
        char text[16];

        cr_assert_not_null(p);
        snprintf(text, sizeof text, "%d", pid);
        profile_set_attribute(p, "process.pid", text);
        profile_set_attribute(p, "service.name", "shop");
        profile_set_settings(p, &(struct profile_settings){ .mode = PROFILE_MODE_CPU, .period_ns = PERIOD });
        *profile_counters(p) = (struct profile_counters){ .accounted_ns = accounted_ms * MS,
                                                          .sampled_ns = sampled_ms * MS,
                                                          .ok = sampled_ms / 10 };
        cr_assert_eq(profile_set_add(set, p), 0);
}

static const char *said(struct profile_set *set, bool verbose)
{
        capture_begin(STDERR_FILENO);
        coverage_say(set, verbose);
        profile_set_deinit(set);
        return capture_end();
}

Test(command_coverage, books_that_balance_are_told_if_asked_for)
{
        struct profile_set set = { 0 };

        add(&set, 1, 6000, 5990);
        cr_expect_str_eq(said(&set, false), "");
        add(&set, 1, 6000, 5990);
        cr_expect_str_eq(said(&set, true),
                         "podflame: coverage 99.8 %: of 6.00 s of CPU time, samples stand for 5.99 s; "
                         "not seen by any tick 0.01 s\n");
}

Test(command_coverage, a_low_one_is_told)
{
        struct profile_set set = { 0 };

        add(&set, 1, 6000, 3000);
        cr_expect_str_eq(said(&set, false),
                         "podflame: coverage 50.0 %: of 6.00 s of CPU time, samples stand for 3.00 s; "
                         "not seen by any tick 3.00 s\n");
}

Test(command_coverage, without_an_account_nothing_is_said)
{
        struct profile_set set = { 0 };

        add(&set, 1, 0, 3000);
        add(&set, 2, 0, 0);
        cr_expect_str_eq(said(&set, true), "");
}

/* One of a hundred: all together are well covered. */
Test(command_coverage, a_low_process_is_named_among_good_ones)
{
        struct profile_set set = { 0 };

        for (int pid = 1; pid <= 100; pid++)
                add(&set, pid, 6000, pid == 7 ? 3000 : 6000);
        cr_expect_str_eq(said(&set, false),
                         "podflame: process 7 (shop): coverage 50.0 %: of 6.00 s of CPU time, samples "
                         "stand for 3.00 s; not seen by any tick 3.00 s\n");
}

Test(command_coverage, of_many_low_ones_the_worst_are_named_and_the_others_counted)
{
        struct profile_set set = { 0 };

        for (int pid = 1; pid <= 25; pid++)
                add(&set, pid, 6000, 3000 - 10 * (uint64_t)pid);
        const char *text = said(&set, false), *worst = strstr(text, "process 25 ("),
                   *tenth = strstr(text, "process 16 (");

        cr_expect(worst && tenth && worst < tenth, "%s", text);
        cr_expect_null(strstr(text, "process 15 ("), "%s", text);
        cr_expect_not_null(strstr(text, "podflame: 15 more processes of low coverage\n"), "%s", text);
}

static const char *said_of_nothing(uint64_t accounted_ms)
{
        struct profile_set set = { 0 };

        add(&set, 1, accounted_ms, 0);
        capture_begin(STDERR_FILENO);
        coverage_say_no_samples(&set);
        profile_set_deinit(&set);
        return capture_end();
}

Test(command_coverage, only_what_did_not_run_is_said_not_to_have_run)
{
        cr_expect_str_eq(said_of_nothing(0),
                         "podflame: no samples: nothing ran, and mode cpu counts no sleeping threads; --idle does\n");
        cr_expect_str_eq(said_of_nothing(4),
                         "podflame: no samples: 4.0 ms of time were accounted, and ticks come every 10.0 ms; "
                         "record for longer, or at a higher --rate\n");
        cr_expect_str_eq(said_of_nothing(500), "podflame: no samples; coverage 0.0 %: of 0.50 s of CPU time, samples "
                                               "stand for 0.00 s; not seen by any tick 0.50 s\n");
}
