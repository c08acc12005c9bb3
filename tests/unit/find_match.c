/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(find_match);

#define N 5

static const struct find_candidate all[N] = {
        { "aaaa1111", "web" }, { "aaaa2222", "db" }, { "bbbb1111", "aaaa" }, { "cccc1111", "db" }, { "web1", "" },
};

static void expect(const char *name, int expected, size_t expected_matches, const char *first_id)
{
        struct find_candidate containers[N];
        size_t matches = 77;

        memcpy(containers, all, sizeof(all));
        cr_expect_eq(find_match(containers, N, name, &matches), expected, "%s", name);
        cr_expect_eq(matches, expected_matches, "%s", name);
        if (first_id)
                cr_expect_str_eq(containers[0].id, first_id, "%s", name);
}

Test(find_match, known_answers)
{
        expect("web", 0, 1, "aaaa1111");
        expect("aaaa2222", 0, 1, "aaaa2222");
        expect("aaaa2", 0, 1, "aaaa2222");
        expect("c", 0, 1, "cccc1111");
        expect("web1", 0, 1, "web1");
        expect("aaaa", 0, 1, "bbbb1111"); /* a whole name, though two ids begin like that */
        expect("aaa", FIND_E_AMBIGUOUS, 2, "aaaa1111");
        expect("db", FIND_E_AMBIGUOUS, 2, "aaaa2222");
        expect("d", FIND_E_UNKNOWN, 0, NULL);
        expect("aaaa22222", FIND_E_UNKNOWN, 0, NULL);
        expect("", FIND_E_UNKNOWN, 0, NULL);
}

Test(find_match, ambiguous_ones_come_first)
{
        struct find_candidate containers[N];
        size_t matches;

        memcpy(containers, all, sizeof(all));
        cr_assert_eq(find_match(containers, N, "db", &matches), FIND_E_AMBIGUOUS);
        cr_expect_str_eq(containers[0].name, "db");
        cr_expect_str_eq(containers[1].name, "db");
        cr_expect_eq(find_match(containers, 0, "db", &matches), FIND_E_UNKNOWN);
}
