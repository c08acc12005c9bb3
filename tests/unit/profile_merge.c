/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: what two profiles say together, whatever ids each of them gave. */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(profile_merge);

/* Counts @count samples of the stack that @names spells, a letter a function, leaf first. */
static void count(struct profile *p, const char *names, uint64_t tid, uint64_t times)
{
        profile_id frames[16];
        size_t n = strlen(names);
        profile_id thread = tid ? interned_thread(p, tid, "t") : 0;

        for (size_t i = 0; i < n; i++) {
                char name[] = { names[i], '\0' };

                frames[i] = interned_frame(p, interned_function(p, name, "m.py", 1), (uint32_t)i);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, frames, n), thread, PROFILE_RUNNING, times, 3 * times), 0);
}

/* How many samples @p has of that stack on that thread. */
static uint64_t counted(const struct profile *p, const char *names, uint64_t tid)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < profile_samples(p); i++) {
                const struct profile_sample *sample = profile_sample(p, i);
                size_t n;
                const profile_id *frames = profile_stack(p, sample->stack, &n);
                uint64_t got_tid = 0;
                const char *thread_name;
                bool same = n == strlen(names);

                if (sample->thread)
                        profile_thread(p, sample->thread, &got_tid, &thread_name);
                for (size_t k = 0; same && k < n; k++) {
                        const struct profile_frame *frame = profile_frame(p, frames[k]);

                        same = profile_function(p, frame->function)->name[0] == names[k] && frame->line == k;
                }
                if (same && got_tid == tid) {
                        cr_assert_eq(sample->nanoseconds, 3 * sample->count);
                        sum += sample->count;
                }
        }
        return sum;
}

Test(profile_merge, samples_are_added_by_what_they_mean)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        count(a, "xyz", 1, 2);
        count(a, "y", 1, 5);
        count(b, "y", 1, 7);
        count(b, "zx", 2, 11);
        count(b, "xyz", 0, 13);
        cr_assert_eq(profile_merge(a, b, true), 0);
        cr_assert_eq(counted(a, "xyz", 1), 2);
        cr_assert_eq(counted(a, "xyz", 0), 13);
        cr_assert_eq(counted(a, "y", 1), 12);
        cr_assert_eq(counted(a, "zx", 2), 11);
        cr_assert_eq(profile_samples(a), 4);
        cr_assert_eq(profile_total(a), 38);
        cr_assert_eq(profile_total(b), 31);
        profile_free(a);
        profile_free(b);
}

Test(profile_merge, threads_can_be_given_up)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        count(b, "xy", 1, 2);
        count(b, "xy", 2, 3);
        cr_assert_eq(profile_merge(a, b, false), 0);
        cr_assert_eq(counted(a, "xy", 0), 5);
        cr_assert_eq(profile_samples(a), 1);
        cr_assert_eq(profile_threads(a), 0);
        profile_free(a);
        profile_free(b);
}

Test(profile_merge, empty_profiles_merge)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        cr_assert_eq(profile_merge(a, b, true), 0);
        cr_assert_eq(profile_merge(a, a, true), -EINVAL);
        cr_assert_eq(profile_samples(a), 0);
        cr_assert_eq(profile_settings(a)->start_ns, 0);
        profile_free(a);
        profile_free(b);
}

Test(profile_merge, attributes_of_the_target_stay)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        profile_set_attribute(a, "host.name", "a");
        profile_set_attribute(b, "host.name", "b");
        profile_set_attribute(b, "container.id", "c");
        cr_assert_eq(profile_merge(a, b, true), 0);
        cr_assert_str_eq(profile_attribute(a, "host.name"), "a");
        cr_assert_str_eq(profile_attribute(a, "container.id"), "c");
        profile_free(a);
        profile_free(b);
}

Test(profile_merge, counters_are_added)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        *profile_counters(a) = (struct profile_counters){ .ticks = 1, .ok = 2, .torn = 4, .late_ns = 7 };
        *profile_counters(b) = (struct profile_counters){ .ticks = 10, .ok = 20, .torn = 40, .late_ns = 70 };
        cr_assert_eq(profile_merge(a, b, true), 0);

        const struct profile_counters sum = { .ticks = 11, .ok = 22, .torn = 44, .late_ns = 77 };

        cr_assert_arr_eq(profile_counters_of(a), &sum, sizeof(sum));
        profile_free(a);
        profile_free(b);
}

static const struct span_case {
        const char *what;
        struct profile_settings to, from, expected;
} spans[] = {
        { "apart",
          { .start_ns = 100, .duration_ns = 10 },
          { .start_ns = 200, .duration_ns = 5 },
          { .start_ns = 100, .duration_ns = 105 } },
        { "earlier",
          { .start_ns = 200, .duration_ns = 5 },
          { .start_ns = 100, .duration_ns = 10 },
          { .start_ns = 100, .duration_ns = 105 } },
        { "within",
          { .start_ns = 100, .duration_ns = 50 },
          { .start_ns = 110, .duration_ns = 5 },
          { .start_ns = 100, .duration_ns = 50 } },
        { "unknown start",
          { .duration_ns = 4 },
          { .start_ns = 110, .duration_ns = 5 },
          { .start_ns = 110, .duration_ns = 5 } },
        { "other's start unknown",
          { .start_ns = 110, .duration_ns = 5 },
          { .duration_ns = 4 },
          { .start_ns = 110, .duration_ns = 5 } },
        { "engine and period",
          { .mode = PROFILE_MODE_WALL, .start_ns = 1 },
          { .mode = PROFILE_MODE_GIL, .start_ns = 1, .period_ns = 9, .engine = "perf" },
          { .mode = PROFILE_MODE_WALL, .start_ns = 1, .period_ns = 9, .engine = "perf" } },
        { "own engine and period",
          { .start_ns = 1, .period_ns = 8, .engine = "timer" },
          { .start_ns = 1, .period_ns = 9, .engine = "perf" },
          { .start_ns = 1, .period_ns = 8, .engine = "timer" } },
};

Test(profile_merge, spans_are_united)
{
        for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
                const struct span_case *c = &spans[i];
                struct profile *a = profile_new();
                struct profile *b = profile_new();

                profile_set_settings(a, &c->to);
                profile_set_settings(b, &c->from);
                cr_assert_eq(profile_merge(a, b, true), 0);

                const struct profile_settings *got = profile_settings(a);

                cr_expect_eq(got->mode, c->expected.mode, "%s", c->what);
                cr_expect_eq(got->start_ns, c->expected.start_ns, "%s", c->what);
                cr_expect_eq(got->duration_ns, c->expected.duration_ns, "%s", c->what);
                cr_expect_eq(got->period_ns, c->expected.period_ns, "%s", c->what);
                cr_expect_eq(got->engine, c->expected.engine, "%s", c->what);
                profile_free(a);
                profile_free(b);
        }
}

Test(profile_merge, settings_never_made_are_taken_whole)
{
        struct profile *a = profile_new();
        struct profile *b = profile_new();

        profile_set_settings(b, &(struct profile_settings){ .mode = PROFILE_MODE_WALL, .start_ns = 3 });
        cr_assert_eq(profile_merge(a, b, true), 0);
        cr_assert_eq(profile_settings(a)->mode, PROFILE_MODE_WALL);
        cr_assert_eq(profile_settings(a)->start_ns, 3);
        profile_free(a);
        profile_free(b);
}

/* Merging parts gives what counting everything into one profile gives. */
Test(profile_merge, parts_add_up_to_the_whole)
{
        struct profile *whole = profile_new();
        struct profile *sum = profile_new();

        srandom(2);
        for (unsigned part = 0; part < 8; part++) {
                struct profile *p = profile_new();

                for (unsigned i = 0; i < 500; i++) {
                        char names[8] = "";

                        for (long k = random() % 5; k >= 0; k--)
                                names[k] = (char)('a' + random() % 3);
                        count(p, names, part % 3, 1 + i % 4);
                        count(whole, names, part % 3, 1 + i % 4);
                }
                cr_assert_eq(profile_merge(sum, p, true), 0);
                profile_free(p);
        }
        cr_assert_eq(profile_total(sum), profile_total(whole));
        cr_assert_eq(profile_samples(sum), profile_samples(whole));
        cr_assert_eq(profile_stacks(sum), profile_stacks(whole));
        for (size_t i = 0; i < profile_samples(whole); i++) {
                cr_assert_eq(profile_sample(sum, i)->count, profile_sample(whole, i)->count);
                cr_assert_eq(profile_sample(sum, i)->stack, profile_sample(whole, i)->stack);
        }
        profile_free(whole);
        profile_free(sum);
}
