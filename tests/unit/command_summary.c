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
