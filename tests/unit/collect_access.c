/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

SUITE(collect_access);

Test(collect_access, page_and_headers)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        struct reply page = request(collect, "/", NULL, NULL, 0), again = request(collect, "/", NULL, NULL, 0);
        static const char *const gzip[] = { "Accept-Encoding: gzip, deflate", NULL };

        cr_assert_eq(page.status, 200);
        cr_assert(strstr(page.headers, "Content-Type: text/html"));
        cr_assert(strstr(page.headers, "X-Content-Type-Options: nosniff"));
        cr_assert(strstr(page.headers, "Referrer-Policy: no-referrer"));
        cr_assert(strstr(page.headers, "default-src 'none'"));
        char *nonce = strstr(page.headers, "'nonce-");
        cr_assert_not_null(nonce);
        char script[128], *other = strstr(again.headers, "'nonce-");
        snprintf(script, sizeof(script), "<script nonce=\"%.32s\" ", nonce + strlen("'nonce-"));
        cr_assert(strstr(page.body, script));
        cr_assert_neq(strncmp(nonce, other, 39), 0, "a nonce is used once");
        cr_assert_null(strstr(page.body, "<script>"));
        cr_assert_eq(memcmp(page.body + page.len - 8, "</html>\n", 8), 0);

        struct reply packed = request(collect, "/", gzip, NULL, 0);
        void *body;
        size_t len;
        cr_assert(strstr(packed.headers, "Content-Encoding: gzip"));
        cr_assert_lt(packed.len, page.len / 2);
        cr_assert_eq(gzip_unpack(packed.body, packed.len, 1 << 20, &body, &len), 0);
        cr_assert_eq(len, page.len);

        struct reply series = request(collect, "/api/v1/series", NULL, NULL, 0);
        cr_assert(strstr(series.headers, "Cache-Control: no-store"));
        cr_assert_str_eq(series.body, "[]");
        struct reply health = request(collect, "/healthz", NULL, NULL, 0);
        cr_assert_str_eq(health.body, "ok\n");
        free(body);
        reply_free(&page);
        reply_free(&again);
        reply_free(&packed);
        reply_free(&series);
        reply_free(&health);
        collect_close(collect);
}

Test(collect_access, token)
{
        char path[] = "/tmp/podflame-unit-XXXXXX";
        int fd = mkstemp(path);

        cr_assert_eq(write(fd, "sesame 42\n", 10), 10);
        close(fd);
        struct collect *collect = collect_start(NULL, 0, path);
        unlink(path);
        static const struct {
                const char *path, *header;
                long status;
        } rows[] = {
                { "/api/v1/series", NULL, 401 },
                { "/api/v1/series", "Authorization: Bearer ", 401 },
                { "/api/v1/series", "Authorization: Bearer sesame 4", 401 },
                { "/api/v1/series", "Authorization: Bearer sesame 43", 401 },
                { "/api/v1/series", "Authorization: Bearer sesame 42sesame 42", 401 },
                { "/api/v1/series", "Authorization: Basic sesame 42", 401 },
                { "/api/v1/series", "Authorization: Bearer sesame 42", 200 },
                { "/api/v1/series", "authorization: bearer sesame 42", 200 },
                { "/api/v1/tree", NULL, 401 },
                { "/api/v1/top", NULL, 401 },
                { "/", NULL, 200 },
                { "/healthz", NULL, 200 },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *const headers[] = { rows[i].header, NULL };
                struct reply reply = request(collect, rows[i].path, headers, NULL, 0);

                cr_expect_eq(reply.status, rows[i].status, "row %zu: %ld", i, reply.status);
                cr_expect_eq(strstr(reply.headers, "WWW-Authenticate: Bearer") != NULL, rows[i].status == 401);
                reply_free(&reply);
        }
        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, time(NULL), 1), NULL), 401);
        collect_close(collect);
}
