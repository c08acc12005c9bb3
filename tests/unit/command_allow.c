/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/check/allow.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(command_allow);

Test(command_allow, days_and_names)
{
        static const char text[] = "# why these may grow\n"
                                   "2026-12-31 app/nodes.py:Node.walk   # until it is rewritten\n"
                                   "\n"
                                   "  2028-02-29\tf.<locals>.<lambda>\r\n"
                                   "2027-01-01 a dir/x#1.py:f";
        char reason[ALLOW_REASON_SIZE];
        struct allow allow;

        cr_assert_eq(allow_parse(text, &allow, reason), 0);
        cr_assert_eq(allow.n, 3);
        cr_expect_str_eq(allow.items[0].function, "app/nodes.py:Node.walk");
        cr_expect_eq(allow.items[0].last_day, 20261231);
        cr_expect_str_eq(allow.items[1].function, "f.<locals>.<lambda>");
        cr_expect_eq(allow.items[1].last_day, 20280229);
        cr_expect_str_eq(allow.items[2].function, "a dir/x#1.py:f");
        allow_deinit(&allow);
}

Test(command_allow, an_empty_list_allows_nothing)
{
        char reason[ALLOW_REASON_SIZE];
        struct allow allow;

        cr_assert_eq(allow_parse("", &allow, reason), 0);
        cr_expect_eq(allow.n, 0);
        allow_deinit(&allow);
}

static const struct {
        const char *text, *reason;
} wrong[] = {
        { "f", "line 1: it does not begin with a day" },
        { "\n\n2027-02-29 f", "line 3: it does not begin with a day" },
        { "2026-00-10 f", "line 1: it does not" },
        { "2026-13-01 f", "line 1: it does not" },
        { "2026-1-001 f", "line 1: it does not" },
        { "2026-12-311 f", "line 1: it does not" },
        { "12026-12-31 f", "line 1: it does not" },
        { "-026-12-31 f", "line 1: it does not" },
        { "2026-12-31", "line 1: it names no function" },
        { "2026-12-31   # f", "line 1: it names no function" },
        { "2026-12-31 f\n2026-12-31", "line 2: it names no function" },
};

Test(command_allow, what_is_wrong_is_named_by_its_line)
{
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                char reason[ALLOW_REASON_SIZE] = "";
                struct allow allow;

                cr_expect_eq(allow_parse(wrong[i].text, &allow, reason), CHECK_E_TOLD, "%s", wrong[i].text);
                cr_expect_eq(strncmp(reason, wrong[i].reason, strlen(wrong[i].reason)), 0, "%s: %s", wrong[i].text,
                             reason);
        }
}

Test(command_allow, days_of_the_calendar)
{
        cr_expect_eq(allow_day(0), 19700101);
        cr_expect_eq(allow_day(1795564800), 20261125);
        cr_expect_eq(allow_day(1795564799), 20261124);
}

/* A comparison of two functions, "pkg/a.py:f" and "b/a.py:f". */
Test(command_allow, until_the_day_and_by_whole_parts_of_names)
{
        static const struct {
                const char *line;
                bool first, second;
        } cases[] = {
                { "2026-11-25 pkg/a.py:f", true, false }, { "2026-11-24 pkg/a.py:f", false, false },
                { "2026-11-26 a.py:f", true, true },      { "2030-01-01 kg/a.py:f", false, false },
                { "2030-01-01 f", false, false },         { "2030-01-01 x/pkg/a.py:f", false, false },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct compare_function rows[] = { { .key = "pkg/a.py:f" }, { .key = "b/a.py:f" } };
                struct compare_result comparison = { .functions = rows, .n = 2 };
                char reason[ALLOW_REASON_SIZE];
                struct allow allow;

                cr_assert_eq(allow_parse(cases[i].line, &allow, reason), 0);
                allow_apply(&allow, 20261125, &comparison);
                cr_expect_eq(rows[0].allowed, cases[i].first, "%s", cases[i].line);
                cr_expect_eq(rows[1].allowed, cases[i].second, "%s", cases[i].line);
                allow_deinit(&allow);
        }
}
