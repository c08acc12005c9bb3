/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/server/origin.h"
#include "tests/unit/support/suite.h"

SUITE(http_server_origin);

struct row {
        struct http_server_origin from;
        unsigned status;
};

static void expect(const struct http_server_policy *policy, const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *sentence = NULL;

                cr_expect_eq(http_server_origin_check(&rows[i].from, policy, &sentence), rows[i].status, "row %zu", i);
                cr_expect_eq(sentence != NULL, rows[i].status != 0, "row %zu", i);
        }
}

#define EXPECT(policy, rows) expect(policy, rows, sizeof(rows) / sizeof(rows[0]))

Test(http_server_origin, a_server_on_loopback_has_the_names_of_loopback)
{
        static const struct row rows[] = {
                { { .host = "127.0.0.1:4318" }, 0 },
                { { .host = "localhost:4318" }, 0 },
                { { .host = "LocalHost:4318" }, 0 },
                { { .host = "[::1]:4318" }, 0 },
                { { .host = "127.0.0.2:4318" }, 0 },
                { { .host = NULL }, 421 },
                { { .host = "" }, 421 },
                { { .host = "127.0.0.1" }, 421 },
                { { .host = "127.0.0.1:" }, 421 },
                { { .host = "127.0.0.1:4319" }, 421 },
                { { .host = "127.0.0.1:4318 " }, 421 },
                { { .host = "127.0.0.1:69854" }, 421 }, /* 4318 modulo 65536 */
                { { .host = "attacker.example:4318" }, 421 },
                { { .host = "localhost.attacker.example:4318" }, 421 },
                { { .host = "127.0.0.1.attacker.example:4318" }, 421 },
                { { .host = "127.1:4318" }, 421 },
                { { .host = "0.0.0.0:4318" }, 421 },
                { { .host = "[::1:4318" }, 421 },
                { { .host = "[::ffff:127.0.0.1]:4318" }, 421 },
                { { .host = "10.0.0.1:4318" }, 421 },
        };

        EXPECT((&(struct http_server_policy){ .local = true, .port = 4318 }), rows);
        cr_expect_eq(http_server_origin_check(&(struct http_server_origin){ .host = "localhost" },
                                              &(struct http_server_policy){ .local = true, .port = 80 },
                                              &(const char *){ NULL }),
                     0);
}

Test(http_server_origin, pages_of_others)
{
        static const struct row rows[] = {
                { { .host = "collector:4318" }, 0 },
                { { .host = NULL }, 0 },
                { { .host = "collector:4318", .origin = "http://collector:4318" }, 0 },
                { { .host = "collector:4318", .origin = "https://COLLECTOR:4318" }, 0 },
                { { .host = "collector:4318", .origin = "http://collector:4319" }, 403 },
                { { .host = "collector:4318", .origin = "http://collector" }, 403 },
                { { .host = "collector:4318", .origin = "null" }, 403 },
                { { .host = "collector:4318", .origin = "" }, 403 },
                { { .host = NULL, .origin = "http://collector" }, 403 },
                { { .host = "collector:4318", .origin = "ftp://collector:4318" }, 403 },
                { { .host = "collector:4318", .site = "same-origin" }, 0 },
                { { .host = "collector:4318", .site = "none" }, 0 },
                { { .host = "collector:4318", .site = "cross-site" }, 403 },
                { { .host = "collector:4318", .site = "same-site" }, 403 },
                { { .host = "collector:4318", .site = "cross-site", .mode = "navigate" }, 403 },
        };

        EXPECT((&(struct http_server_policy){ .port = 4318 }), rows);
}

Test(http_server_origin, a_link_may_lead_to_a_page)
{
        static const struct row rows[] = {
                { { .host = "a", .site = "cross-site", .mode = "navigate" }, 0 },
                { { .host = "a", .site = "cross-site", .mode = "no-cors" }, 403 },
                { { .host = "a", .site = "cross-site" }, 403 },
                { { .host = "a", .site = "cross-site", .mode = "navigate", .origin = "http://b" }, 403 },
        };

        EXPECT((&(struct http_server_policy){ .port = 80, .linked = true }), rows);
}
