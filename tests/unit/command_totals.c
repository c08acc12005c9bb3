/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/top/totals.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(command_totals);

/* A profile of one stack: @leaf called by @root, @ns in all. */
static struct profile *sampled(const char *leaf, const char *root, uint64_t ns)
{
        struct profile *p = profile_new();
        profile_id frames[] = {
                interned_frame(p, interned_function(p, leaf, "/app/m.py", 1), 2),
                interned_frame(p, interned_function(p, root, "/app/m.py", 5), 6),
        };

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_RUNNING, 1, ns), 0);
        return p;
}

static void add(struct totals *b, const char *leaf, const char *root, uint64_t ns)
{
        struct profile *p = sampled(leaf, root, ns);

        cr_assert_eq(totals_add(b, p), 0);
        profile_free(p);
}

/* a takes more in all, b in the last interval. */
static struct totals *example(void)
{
        struct totals *b = totals_new();

        add(b, "a", "main", 900);
        add(b, "b", "main", 50);
        totals_turn(b);
        add(b, "b", "main", 200);
        add(b, "c", "b", 30);
        return b;
}

static const struct {
        enum totals_order order;
        const char *names[4];
} expected[] = {
        { TOTALS_SELF, { "b", "c", "a", "main" } },
        { TOTALS_TOTAL, { "b", "main", "c", "a" } },
        { TOTALS_SELF_TIME, { "a", "b", "c", "main" } },
        { TOTALS_TOTAL_TIME, { "main", "a", "b", "c" } },
};

Test(command_totals, rows_are_in_the_order_asked_for)
{
        struct totals *b = example();
        struct totals_row rows[8];

        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
                cr_assert_eq(totals_rows(b, expected[i].order, "", 8, rows), 4);
                for (size_t k = 0; k < 4; k++)
                        cr_expect_str_eq(rows[k].name, expected[i].names[k], "order %zu, row %zu: %s", i, k,
                                         rows[k].name);
        }
        totals_free(b);
}

Test(command_totals, the_last_interval_and_all_of_it)
{
        static const uint64_t figures[TOTALS_ORDERS] = { 200, 230, 250, 280 };
        struct totals *b = example();
        struct totals_row row;

        cr_assert_eq(totals_rows(b, TOTALS_SELF, "", 1, &row), 1);
        cr_assert_str_eq(row.name, "b");
        cr_assert_arr_eq(row.figures, figures, sizeof figures);
        totals_turn(b);
        cr_assert_eq(totals_rows(b, TOTALS_SELF_TIME, "", 1, &row), 1);
        cr_assert_eq(row.figures[TOTALS_SELF], 0);
        cr_assert_eq(row.figures[TOTALS_SELF_TIME], 900);
        totals_reset(b);
        cr_assert_eq(totals_rows(b, TOTALS_SELF, "", 1, &row), 0);
        totals_free(b);
}

Test(command_totals, any_number_of_names_is_bounded)
{
        struct totals *b = totals_new();
        struct totals_row row;
        char name[32];

        for (size_t i = 0; i < TOTALS_MAX + 100; i++) {
                snprintf(name, sizeof name, "made_%zu", i);
                add(b, name, "root", 10);
        }
        add(b, "beyond", "a caller beyond", 10);
        cr_assert_eq(totals_rows(b, TOTALS_SELF, "", 1, &row), 1);
        cr_assert_str_eq(row.name, TOTALS_OTHERS);
        cr_assert_eq(row.figures[TOTALS_SELF], 102 * 10, "one entry was root's");
        cr_assert_eq(row.figures[TOTALS_TOTAL], 102 * 10, "a stack counts once");
        struct totals_row *rows = calloc(2 * TOTALS_MAX, sizeof *rows);
        cr_assert_eq(totals_rows(b, TOTALS_SELF, "", 2 * TOTALS_MAX, rows), TOTALS_MAX + 1);
        free(rows);
        totals_free(b);
}

Test(command_totals, a_filter_takes_names_and_files_in_any_case)
{
        struct totals *b = example();
        struct totals_row rows[8];

        cr_expect_eq(totals_rows(b, TOTALS_SELF, "MAI", 8, rows), 1);
        cr_expect_str_eq(rows[0].name, "main");
        cr_expect_eq(totals_rows(b, TOTALS_SELF, "app/m", 8, rows), 4);
        cr_expect_eq(totals_rows(b, TOTALS_SELF, "nobody", 8, rows), 0);
        totals_free(b);
}
