/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, settings, modes and sets. */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(profile_samples);

/* A profile with stacks 1 to @n and threads 1 to @n. */
static struct profile *with_stacks(uint32_t n)
{
        struct profile *p = profile_new();
        profile_id f = interned_function(p, "f", "a.py", 1);

        for (uint32_t i = 1; i <= n; i++) {
                profile_id frame = interned_frame(p, f, i);

                cr_assert_eq(interned_stack(p, &frame, 1), i);
                cr_assert_eq(interned_thread(p, i, "t"), i);
        }
        return p;
}

Test(profile_samples, equal_samples_are_counted_together)
{
        struct profile *p = with_stacks(2);

        cr_assert_eq(profile_add(p, 1, 1, PROFILE_RUNNING, 1, 10), 0);
        cr_assert_eq(profile_add(p, 1, 0, PROFILE_RUNNING, 1, 10), 0);
        cr_assert_eq(profile_add(p, 1, 1, PROFILE_IDLE, 1, 10), 0);
        cr_assert_eq(profile_add(p, 2, 1, PROFILE_RUNNING, 1, 10), 0);
        cr_assert_eq(profile_add(p, 1, 1, PROFILE_RUNNING, 4, 50), 0);
        cr_assert_eq(profile_samples(p), 4);
        cr_assert_eq(profile_total(p), 8);

        const struct profile_sample *sample = profile_sample(p, 0);

        cr_assert_eq(sample->stack, 1);
        cr_assert_eq(sample->thread, 1);
        cr_assert_eq(sample->state, PROFILE_RUNNING);
        cr_assert_eq(sample->count, 5);
        cr_assert_eq(sample->nanoseconds, 60);
        cr_assert_eq(profile_sample(p, 1)->thread, 0);
        cr_assert_eq(profile_sample(p, 2)->state, PROFILE_IDLE);
        cr_assert_eq(profile_sample(p, 3)->stack, 2);
        profile_free(p);
}

Test(profile_samples, unknown_ids_are_refused)
{
        struct profile *p = with_stacks(1);

        cr_assert_eq(profile_add(p, 0, 0, PROFILE_RUNNING, 1, 1), -EINVAL);
        cr_assert_eq(profile_add(p, 2, 0, PROFILE_RUNNING, 1, 1), -EINVAL);
        cr_assert_eq(profile_add(p, 1, 2, PROFILE_RUNNING, 1, 1), -EINVAL);
        cr_assert_eq(profile_samples(p), 0);
        cr_assert_eq(profile_total(p), 0);
        profile_free(p);
}

Test(profile_samples, counts_do_not_wrap_around)
{
        struct profile *p = with_stacks(1);

        cr_assert_eq(profile_add(p, 1, 0, PROFILE_RUNNING, UINT64_MAX, 1), 0);
        cr_assert_eq(profile_add(p, 1, 0, PROFILE_RUNNING, 2, UINT64_MAX), 0);
        cr_assert_eq(profile_sample(p, 0)->count, UINT64_MAX);
        cr_assert_eq(profile_sample(p, 0)->nanoseconds, UINT64_MAX);
        cr_assert_eq(profile_total(p), UINT64_MAX);
        profile_free(p);
}

/* Against a plain three-dimensional array of counts. */
Test(profile_samples, random_samples_add_up)
{
        enum { N = 20, ROUNDS = 20000 };
        static uint64_t model[N + 1][N + 1][2];
        struct profile *p = with_stacks(N);
        size_t distinct = 0;

        srandom(1);
        for (unsigned i = 0; i < ROUNDS; i++) {
                uint32_t stack = 1 + (uint32_t)random() % N;
                uint32_t thread = (uint32_t)random() % (N + 1);
                uint32_t state = (uint32_t)random() % 2;
                uint64_t *count = &model[stack][thread][state];

                distinct += *count == 0;
                *count += i + 1;
                cr_assert_eq(profile_add(p, stack, thread, state, i + 1, 2 * (i + 1)), 0);
        }
        cr_assert_eq(profile_samples(p), distinct);
        cr_assert_eq(profile_total(p), (uint64_t)ROUNDS * (ROUNDS + 1) / 2);
        for (size_t i = 0; i < distinct; i++) {
                const struct profile_sample *s = profile_sample(p, i);

                cr_assert_eq(s->count, model[s->stack][s->thread][s->state]);
                cr_assert_eq(s->nanoseconds, 2 * s->count);
        }
        profile_free(p);
}

Test(profile_samples, settings_and_counters_are_kept)
{
        struct profile *p = profile_new();
        struct profile_settings settings = {
                .mode = PROFILE_MODE_GIL, .period_ns = 1000, .start_ns = 5, .duration_ns = 7, .engine = "perf"
        };

        profile_set_settings(p, &settings);
        profile_counters(p)->torn += 3;
        cr_assert_eq(profile_settings(p)->mode, PROFILE_MODE_GIL);
        cr_assert_eq(profile_settings(p)->period_ns, 1000);
        cr_assert_str_eq(profile_settings(p)->engine, "perf");
        cr_assert_eq(profile_counters_of(p)->torn, 3);
        profile_free(p);
}

Test(profile_samples, modes_have_names)
{
        enum profile_mode all[] = { PROFILE_MODE_CPU, PROFILE_MODE_WALL, PROFILE_MODE_GIL, PROFILE_MODE_BLAME };
        const char *const bad[] = { "", "CPU", "cpu ", "cp", "idle" };
        enum profile_mode mode;

        cr_assert_str_eq(profile_mode_name(PROFILE_MODE_CPU), "cpu");
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                cr_assert(profile_mode_parse(profile_mode_name(all[i]), &mode));
                cr_assert_eq(mode, all[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_not(profile_mode_parse(bad[i], &mode));
        cr_assert_eq(mode, PROFILE_MODE_BLAME, "untouched by failures");
}

Test(profile_samples, a_set_owns_what_was_added)
{
        struct profile_set set = { 0 };
        struct profile *made[100];

        profile_set_deinit(&set);
        for (size_t i = 0; i < 100; i++) {
                made[i] = with_stacks(1);
                cr_assert_eq(profile_set_add(&set, made[i]), 0);
        }
        cr_assert_eq(set.n, 100);
        cr_assert_arr_eq(set.items, made, sizeof(made));
        profile_set_deinit(&set);
        cr_assert_eq(set.n, 0);
        cr_assert_null(set.items);
}
