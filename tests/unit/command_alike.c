/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/dump/alike.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(command_alike);

static struct alike thread(const char *words, const char *stack)
{
        return (struct alike){
                .words = words, .stack = stack, .len = strlen(stack), .apart = false, .first = 99, .n = 99
        };
}

Test(command_alike, the_first_of_each_kind_knows_how_many)
{
        struct alike items[] = { thread("sleeps", "a b"), thread("runs", "a b"),  thread("sleeps", "a"),
                                 thread("sleeps", "a b"), thread("sleeps", "a"),  thread("sleeps", "a b"),
                                 thread("", ""),          thread("sleeps", "a c") };
        static const size_t first[] = { 0, 1, 2, 0, 2, 0, 6, 7 }, n[] = { 3, 1, 2, 0, 0, 0, 1, 1 };

        cr_assert_eq(alike_find(items, 8), 0);
        for (size_t i = 0; i < 8; i++) {
                cr_expect_eq(items[i].first, first[i], "%zu", i);
                cr_expect_eq(items[i].n, n[i], "%zu", i);
        }
}

Test(command_alike, some_stand_apart)
{
        struct alike items[] = { thread("x", "a"), thread("x", "a"), thread("x", "a"), thread("x", "a") };

        items[1].apart = items[2].apart = true;
        cr_assert_eq(alike_find(items, 4), 0);
        cr_expect(items[0].n == 2 && items[1].n == 1 && items[2].n == 1 && items[3].n == 0);
        cr_expect_eq(items[3].first, 0);
        cr_expect_eq(alike_find(items, 0), 0);
}

/* A comparison of each with each would take minutes. */
Test(command_alike, sixteen_thousand_threads)
{
        struct alike *items = calloc(16384, sizeof *items);

        for (size_t i = 0; i < 16384; i++)
                items[i] = thread(i % 2 ? "odd" : "even", "main > work > wait");
        cr_assert_eq(alike_find(items, 16384), 0);
        cr_expect(items[0].n == 8192 && items[1].n == 8192 && items[16383].first == 1);
        free(items);
}
