/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(find_match);

#define N 8

static const struct find_candidate all[N] = {
        { .id = "aaaa1111", .name = "web" },
        { .id = "aaaa2222", .name = "db" },
        { .id = "bbbb1111", .name = "aaaa" },
        { .id = "cccc1111", .name = "db" },
        { .id = "web1" },
        { .id = "9999aaaa@1000", .name = "web@1000" },
        { .id = "eeee1111@1000", .name = "api@1000" },
        { .id = "ffff1111@1001", .name = "cron@1001" },
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
        expect("web@1000", 0, 1, "9999aaaa@1000"); /* a user's; "web" alone is root's, above */
        expect("api", 0, 1, "eeee1111@1000");
        expect("cro", FIND_E_UNKNOWN, 0, NULL);
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

static const struct find_candidate pods[] = {
        { .id = "1", .pod_namespace = "shop", .pod = "web-0", .k8s_container = "app" },
        { .id = "2", .pod_namespace = "shop", .pod = "web-0", .k8s_container = "proxy" },
        { .id = "3", .pod_namespace = "bank", .pod = "web-0", .k8s_container = "app" },
        { .id = "4", .pod_namespace = "web-0", .pod = "app", .k8s_container = "app" },
        { .id = "5", .name = "web-0" },
        { .id = "6", .pod_namespace = "bank", .pod = "db", .k8s_container = "db" },
};

#define PODS (sizeof(pods) / sizeof(*pods))

Test(find_match, pods)
{
        static const struct {
                const char *name;
                int expected;
                const char *ids; /* of those that match */
        } cases[] = {
                { "web-0", FIND_E_AMBIGUOUS, "123" },
                { "shop/web-0", 0, "12" },
                { "shop/web-0/app", 0, "1" },
                { "bank/web-0", 0, "3" },
                { "web-0/proxy", 0, "2" },
                { "web-0/app", FIND_E_AMBIGUOUS, "134" },
                { "app", 0, "4" },
                { "db", 0, "6" },
                { "db/db", 0, "6" },
                { "bank/db/db", 0, "6" },
                { "bank/db/db/db", FIND_E_UNKNOWN, "" },
                { "shop", FIND_E_UNKNOWN, "" },
                { "shop/", FIND_E_UNKNOWN, "" },
                { "/web-0", FIND_E_UNKNOWN, "" },
                { "web-", FIND_E_UNKNOWN, "" },
                { "", FIND_E_UNKNOWN, "" },
                { "/", FIND_E_UNKNOWN, "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct find_candidate containers[PODS];
                size_t matches = 77;

                memcpy(containers, pods, sizeof(pods));
                cr_expect_eq(find_match_pod(containers, PODS, cases[i].name, &matches), cases[i].expected, "%s",
                             cases[i].name);
                cr_expect_eq(matches, strlen(cases[i].ids), "%s: %zu", cases[i].name, matches);
                for (size_t j = 0; j < matches; j++)
                        cr_expect_not_null(strstr(cases[i].ids, containers[j].id), "%s", cases[i].name);
        }
}

Test(find_match, a_process_of_a_pod)
{
        const struct find_process process = { .pod = "web-0", .pod_namespace = "shop", .k8s_container = "app" },
                                  none = { 0 };

        cr_expect(find_is_in_pod(&process, "web-0"));
        cr_expect(find_is_in_pod(&process, "shop/web-0/app"));
        cr_expect_not(find_is_in_pod(&process, "shop/web-0/proxy"));
        cr_expect_not(find_is_in_pod(&none, ""));
        cr_expect_not(find_is_in_pod(&none, "/"));
}
