/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/record/summary.h"
#include "command_capture.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

SUITE(command_summary);

/* What is said of one process of one second. */
static const char *said(struct profile_counters counters, const char *engine)
{
        struct profile *profile = profile_new();
        struct profile_set set = { 0 };

        cr_assert_not_null(profile);
        *profile_counters(profile) = counters;
        profile_set_settings(profile,
                             &(struct profile_settings){ .mode = PROFILE_MODE_WALL, .duration_ns = 1000000000 });
        cr_assert_eq(profile_set_attribute(profile, "process.pid", "4242"), 0);
        cr_assert_eq(profile_set_add(&set, profile), 0);
        capture_begin(STDERR_FILENO);
        summary_say(&set, 0, engine);
        profile_set_deinit(&set);
        return capture_end();
}

Test(command_summary, a_sentence_without_jargon)
{
        cr_expect_str_eq(said((struct profile_counters){ .ticks = 3, .ok = 3 }, NULL),
                         "podflame: 3 samples of 1 process in 1.0 s\n");
        cr_expect_str_eq(said((struct profile_counters){ .ticks = 1, .ok = 1 }, NULL),
                         "podflame: 1 sample of 1 process in 1.0 s\n");
}

/* What is said of @n processes of one second each, which used so much CPU time. */
static const char *said_of_use(size_t n, uint64_t used_ms, uint64_t before_ms, uint64_t ok)
{
        struct profile_set set = { 0 };

        for (size_t i = 0; i < n; i++) {
                const char *pids[] = { "42", "43" };
                struct profile *profile = profile_new();
                *profile_counters(profile) = (struct profile_counters){ .ok = ok,
                                                                        .accounted_ns = (used_ms + before_ms) * 1000000,
                                                                        .sampled_ns = used_ms * 1000000,
                                                                        .unopened_ns = before_ms * 1000000 };
                profile_set_settings(profile,
                                     &(struct profile_settings){ .duration_ns = 1000000000, .period_ns = 10000000 });
                cr_assert_eq(profile_set_attribute(profile, "process.pid", pids[i]), 0);
                cr_assert_eq(profile_set_add(&set, profile), 0);
        }
        capture_begin(STDERR_FILENO);
        summary_say(&set, 0, NULL);
        profile_set_deinit(&set);
        return capture_end();
}

Test(command_summary, the_use_of_the_cpu)
{
        cr_expect_str_eq(said_of_use(1, 620, 0, 62),
                         "podflame: 62 samples of 1 process in 1.0 s; it used 62 % of a CPU\n");
        cr_expect_str_eq(said_of_use(1, 3400, 0, 340),
                         "podflame: 340 samples of 1 process in 1.0 s; it used 340 % of a CPU\n");
        cr_expect_str_eq(said_of_use(1, 40, 0, 4), "podflame: 4 samples of 1 process in 1.0 s; it used 4 % of a CPU: "
                                                   "-m wall shows where the time goes\n");
        cr_expect_str_eq(said_of_use(2, 620, 0, 62),
                         "podflame: 124 samples of 2 processes in 1.0 s; they used 1.24 s of CPU time\n");
        cr_expect_str_eq(said_of_use(2, 40, 0, 4), "podflame: 8 samples of 2 processes in 1.0 s; they used 0.08 s of "
                                                   "CPU time: -m wall shows where the time goes\n");
        cr_expect(strstr(said_of_use(1, 900, 300, 90), "; it used 90 % of a CPU\n"), "before it was opened");
        cr_expect_str_eq(said_of_use(1, 0, 0, 0), "podflame: 0 samples of 1 process in 1.0 s\n");
        cr_expect_str_eq(said_of_use(1, 5, 0, 0), "podflame: 0 samples of 1 process in 1.0 s\n");
}

Test(command_summary, what_is_not_a_sample_is_told)
{
        cr_expect_str_eq(said((struct profile_counters){ .ok = 3, .torn = 2, .gone = 1, .failed = 3 }, NULL),
                         "podflame: 3 samples of 1 process in 1.0 s; torn 2, lost 4\n");
}

Test(command_summary, native_stacks_are_told_where_there_were_some)
{
        cr_expect_str_eq(said((struct profile_counters){ .ok = 9, .mixed = 7, .unmerged = 2 }, NULL),
                         "podflame: 9 samples of 1 process in 1.0 s; unmerged 2 of 7\n");
        cr_expect_str_eq(said((struct profile_counters){ .ok = 9, .mixed = 7, .torn = 1 }, NULL),
                         "podflame: 9 samples of 1 process in 1.0 s; torn 1\n");
        cr_expect_str_eq(said((struct profile_counters){ .ok = 9, .mixed = 7 }, "perf"),
                         "podflame: 9 samples of 1 process in 1.0 s (perf); torn 0, retried 0, late 0, lost 0, "
                         "unmerged 0 of 7\n");
}

Test(command_summary, all_of_it_for_who_wants_to_know)
{
        cr_expect_str_eq(said((struct profile_counters){ .ok = 3, .late = 1 }, "timer tick"),
                         "podflame: 3 samples of 1 process in 1.0 s (timer tick); torn 0, retried 0, late 1, lost 0\n");
}
