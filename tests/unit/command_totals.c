/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/top/view.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

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
                cr_assert_eq(totals_rows(b, expected[i].order, 8, rows), 4);
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

        cr_assert_eq(totals_rows(b, TOTALS_SELF, 1, &row), 1);
        cr_assert_str_eq(row.name, "b");
        cr_assert_arr_eq(row.figures, figures, sizeof figures);
        totals_turn(b);
        cr_assert_eq(totals_rows(b, TOTALS_SELF_TIME, 1, &row), 1);
        cr_assert_eq(row.figures[TOTALS_SELF], 0);
        cr_assert_eq(row.figures[TOTALS_SELF_TIME], 900);
        totals_reset(b);
        cr_assert_eq(totals_rows(b, TOTALS_SELF, 1, &row), 0);
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
        cr_assert_eq(totals_rows(b, TOTALS_SELF, 1, &row), 1);
        cr_assert_str_eq(row.name, TOTALS_OTHERS);
        cr_assert_eq(row.figures[TOTALS_SELF], 102 * 10, "one entry was root's");
        cr_assert_eq(row.figures[TOTALS_TOTAL], 102 * 10, "a stack counts once");
        struct totals_row *rows = calloc(2 * TOTALS_MAX, sizeof *rows);
        cr_assert_eq(totals_rows(b, TOTALS_SELF, 2 * TOTALS_MAX, rows), TOTALS_MAX + 1);
        free(rows);
        totals_free(b);
}

static char *view_text(const struct view *view, size_t rows)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        view_write(view, rows, out);
        cr_assert_eq(fclose(out), 0);
        return text;
}

Test(command_totals, a_view_is_a_line_for_each_function)
{
        struct totals *b = example();
        struct view view = { .subject = "process 42: app",
                             .engine = "timer",
                             .totals = b,
                             .processes = 1,
                             .interval_ns = 1000,
                             .elapsed_ns = 2000000000,
                             .running_ns = 230,
                             .counters = { .ok = 4, .torn = 1, .gone = 2 } };
        char *text = view_text(&view, 2);

        cr_assert_str_eq(text, "23 % running, 2 s, process 42: app\n"
                               "1 process, 4 samples (timer); torn 1, late 0, lost 2\n"
                               "   SELF%*  TOTAL%     SELF s    TOTAL s  FUNCTION\n"
                               "    20.0     23.0       0.00       0.00   b  /app/m.py\n"
                               "     3.0      3.0       0.00       0.00   c  /app/m.py\n");
        free(text);
        totals_free(b);
}

/* The second line of the head, of a process of which so many of 100 periods were seen. */
static void expect_coverage(uint64_t accounted, uint64_t seen, const char *line)
{
        struct totals *b = totals_new();
        struct view view = {
                .subject = "x",
                .engine = "timer",
                .totals = b,
                .processes = 1,
                .period_ns = 10000000,
                .counters = { .ok = seen, .accounted_ns = 10000000 * accounted, .sampled_ns = 10000000 * seen }
        };
        char *text = view_text(&view, 0);

        cr_expect_not_null(strstr(text, line), "%s", text);
        free(text);
        totals_free(b);
}

Test(command_totals, the_head_tells_the_coverage_where_time_is_accounted)
{
        expect_coverage(100, 99, "1 process, 99 samples (timer), coverage 99.0 %; torn 0,");
        expect_coverage(100, 40,
                        "1 process, 40 samples (timer), coverage 40.0 % (not seen by any tick 0.60 s); torn 0,");
        expect_coverage(0, 40, "1 process, 40 samples (timer); torn 0,");
}

Test(command_totals, names_cannot_steer_a_terminal)
{
        struct totals *b = totals_new();
        struct view view = { .subject = "x", .engine = "timer", .totals = b, .interval_ns = 1000 };

        add(b, "\x1b[2J\nfake", "caf\xc3\xa9", 10);
        char *text = view_text(&view, VIEW_ROWS_MAX + 10);
        cr_assert_null(strchr(text, '\x1b'));
        cr_assert_not_null(strstr(text, "?[2J?fake  /app/m.py\n"));
        cr_assert_not_null(strstr(text, "caf\xc3\xa9  /app/m.py\n"));
        free(text);
        totals_free(b);
}
