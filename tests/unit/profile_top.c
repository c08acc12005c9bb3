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

/* ---- what functions wait for ------------------------------------------------ */

/* A stack of f, below which a reason may stand. */
static void wait_for(struct profile *p, const char *function, const char *reason, uint64_t line, uint64_t times)
{
        profile_id frames[] = { interned_frame(p, interned_function(p, reason, "", 0), 0),
                                interned_frame(p, interned_function(p, function, "m.py", 1), (uint32_t)line) };

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_IDLE, times, times * NANOSECONDS), 0);
}

Test(profile_top, what_a_function_waits_for_is_its_own)
{
        struct profile *p = profile_new();
        struct profile_top *tops;
        size_t n;

        wait_for(p, "f", "[waits: GIL]", 1, 4);
        wait_for(p, "f", "[waits: lock]", 1, 3);
        wait_for(p, "f", "[waits: lock]", 2, 3);
        wait_for(p, "g", "[sleeps]", 1, 5);
        count(p, "f", 0, 2);
        cr_assert_eq(profile_top(p, 10, &tops, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(tops[0].name, "f");
        cr_expect_eq(tops[0].self, 12);
        cr_expect_eq(tops[0].total, 12);
        cr_expect_str_eq(tops[0].waits, "[waits: lock]");
        cr_expect_eq(tops[0].waits_ns, 6 * NANOSECONDS);
        cr_expect_str_eq(tops[1].name, "g");
        cr_expect_eq(tops[1].self, 5);
        cr_expect_str_eq(tops[1].waits, "[sleeps]");
        free(tops);
        profile_free(p);
}

/* It is no function, and nothing is waited for. */
Test(profile_top, an_opcode_is_its_functions_own)
{
        struct profile *p = profile_new();
        struct profile_top *tops;
        size_t n;

        wait_for(p, "f", "[opcode: LOAD_ATTR]", 1, 4);
        wait_for(p, "f", "[opcode: unknown]", 1, 3);
        wait_for(p, "g", "[waits: GIL]", 1, 1);
        count(p, "f", 0, 2);
        cr_assert_eq(profile_top(p, 10, &tops, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(tops[0].name, "f");
        cr_expect_eq(tops[0].self, 9);
        cr_expect_eq(tops[0].self_ns, 9 * NANOSECONDS);
        cr_expect_eq(tops[0].total, 9);
        cr_expect_null(tops[0].waits);
        cr_expect_eq(tops[0].waits_ns, 0);
        cr_expect_str_eq(tops[1].waits, "[waits: GIL]");
        free(tops);
        profile_free(p);
}

Test(profile_top, what_is_an_opcode)
{
        cr_expect(profile_is_opcode("[opcode: LOAD_ATTR]", ""));
        cr_expect(profile_is_opcode("[opcode: 187]", NULL));
        cr_expect_not(profile_is_opcode("[opcode: LOAD_ATTR]", "/app/x.py"), "a function of a file is none");
        cr_expect_not(profile_is_opcode("[opcode: LOAD_ATTR", ""));
        cr_expect_not(profile_is_opcode("[opcode:]", ""));
        cr_expect_not(profile_is_opcode("[waits: GIL]", ""));
        cr_expect_not(profile_is_opcode("opcode: LOAD_ATTR]", ""));
        cr_expect_not(profile_is_opcode("", ""));
        cr_expect_not(profile_is_opcode(NULL, ""));
}

/* A profile may have nothing but a reason: nobody knows whose it is. */
Test(profile_top, a_reason_alone_is_a_row)
{
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, "[sleeps]", "", 0), 0);
        struct profile_top *tops;
        size_t n;

        cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_IDLE, 2, 2), 0);
        cr_assert_eq(profile_top(p, 10, &tops, &n), 0);
        cr_assert_eq(n, 1);
        cr_expect_str_eq(tops[0].name, "[sleeps]");
        cr_expect_null(tops[0].waits);
        free(tops);
        profile_free(p);
}
