/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(profile_top);

/* Of each sample. */
#define NANOSECONDS 3

static void count(struct profile *p, const char *names, profile_id thread, uint64_t times)
{
        profile_id frames[16];
        size_t n = strlen(names);

        for (size_t i = 0; i < n; i++) {
                char name[] = { names[i], '\0' };

                frames[i] = interned_frame(p, interned_function(p, name, "m.py", 1), (uint32_t)i);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, frames, n), thread, PROFILE_RUNNING, times, times * NANOSECONDS),
                     0);
}

/* Leaf first. */
static struct profile *example(void)
{
        struct profile *p = profile_new();

        count(p, "bam", 0, 10);
        count(p, "am", 0, 4);
        count(p, "am", interned_thread(p, 1, "t"), 6);
        count(p, "rrrrm", 0, 3);
        count(p, "carm", 0, 1);
        interned_function(p, "unused", "m.py", 1);
        return p;
}

static const struct {
        const char *name;
        uint64_t self, total;
} expected[] = {
        { "a", 10, 21 }, { "b", 10, 10 }, { "r", 3, 4 }, { "c", 1, 1 }, { "m", 0, 24 },
};

#define N (sizeof(expected) / sizeof(expected[0]))

Test(profile_top, by_self_then_total_recursion_once)
{
        struct profile *p = example();
        struct profile_top *top;
        size_t n;

        cr_assert_eq(profile_top(p, 100, &top, &n), 0);
        cr_assert_eq(n, N);
        for (size_t i = 0; i < N; i++) {
                cr_expect_str_eq(top[i].name, expected[i].name);
                cr_expect_str_eq(top[i].file, "m.py");
                cr_expect_eq(top[i].self, expected[i].self, "%s", expected[i].name);
                cr_expect_eq(top[i].total, expected[i].total, "%s", expected[i].name);
                cr_expect_eq(top[i].self_ns, expected[i].self * NANOSECONDS);
                cr_expect_eq(top[i].total_ns, expected[i].total * NANOSECONDS);
        }
        free(top);
        profile_free(p);
}

Test(profile_top, at_most_max)
{
        struct profile *p = example();

        for (size_t max = 0; max <= N + 1; max++) {
                struct profile_top *top;
                size_t n;

                cr_assert_eq(profile_top(p, max, &top, &n), 0);
                cr_expect_eq(n, max < N ? max : N);
                for (size_t i = 0; i < n; i++)
                        cr_expect_str_eq(top[i].name, expected[i].name);
                free(top);
        }
        profile_free(p);
}

Test(profile_top, ties_have_one_order)
{
        struct profile *p = profile_new();
        struct profile_top *top;
        size_t n;

        count(p, "z", 0, 1);
        count(p, "k", 0, 1);
        count(p, "q", 0, 1);
        cr_assert_eq(profile_top(p, 3, &top, &n), 0);
        cr_assert_str_eq(top[0].name, "k");
        cr_assert_str_eq(top[1].name, "q");
        cr_assert_str_eq(top[2].name, "z");
        free(top);
        profile_free(p);
}

Test(profile_top, nothing_in_an_empty_profile)
{
        struct profile *p = profile_new();
        struct profile_top *top;
        size_t n = 1;

        cr_assert_eq(profile_top(p, 10, &top, &n), 0);
        cr_assert_eq(n, 0);
        free(top);
        profile_free(p);
}
