/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/server/head.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(http_server_head);

static enum http_server_head_state look(const char *text, size_t len, struct http_server_head *ret)
{
        return http_server_head_read(guard_copy(text, len), len, ret);
}

Test(http_server_head, heads)
{
#define ROW(text, state)                      \
        {                                     \
                text, sizeof(text) - 1, state \
        }
        static const struct {
                const char *text;
                size_t len;
                enum http_server_head_state state;
        } rows[] = {
                ROW("", HTTP_SERVER_HEAD_PARTIAL),
                ROW("G", HTTP_SERVER_HEAD_PARTIAL),
                ROW("GET / HTTP/1.1\r", HTTP_SERVER_HEAD_PARTIAL),
                ROW("GET / HTTP/1.1\r\n", HTTP_SERVER_HEAD_PARTIAL),
                ROW("GET / HTTP/1.1\r\nHost: x\r\n\r", HTTP_SERVER_HEAD_PARTIAL),
                ROW("GET / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_SERVER_HEAD_WHOLE),
                ROW("GET / HTTP/1.0\r\n\r\n", HTTP_SERVER_HEAD_WHOLE),
                ROW("POST /a?b=%0 HTTP/1.1\r\n\r\n\0", HTTP_SERVER_HEAD_WHOLE),
                ROW("GET /\0 HTTP/1.1\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("\0", HTTP_SERVER_HEAD_WRONG),
                ROW("GET / HTTP/1.1\r\nHost: x\0\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET /%00 HTTP/1.1\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET /?a=%00 HTTP/1.1\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET / HTTP/2.0\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET / HTTP/1.11\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET /\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET  / HTTP/1.1\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW(" / HTTP/1.1\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("GET ?a=b HTTP/1.1\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
                ROW("\r\n\r\n", HTTP_SERVER_HEAD_WRONG),
        };
        struct http_server_head head;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(look(rows[i].text, rows[i].len, &head), rows[i].state, "row %zu", i);
}

Test(http_server_head, the_path_ends_at_the_query)
{
        static const char text[] = "POST /v1/x?series=1 HTTP/1.1\r\nHost: a\r\n\r\nbody";
        struct http_server_head head;

        cr_assert_eq(look(text, strlen(text), &head), HTTP_SERVER_HEAD_WHOLE);
        cr_expect_eq(head.method_len, 4);
        cr_expect_eq(strncmp(head.method, "POST", 4), 0);
        cr_expect_eq(head.path_len, 5);
        cr_expect_eq(strncmp(head.path, "/v1/x", 5), 0);
}

/* Whatever comes, what is found stands in it. */
Test(http_server_head, spoiled)
{
        static const char text[] = "GET /healthz?x=%00 HTTP/1.1\r\nHost: a\r\n\r\n";
        char spoiled[sizeof(text)];

        srand(1);
        for (int i = 0; i < 20000; i++) {
                size_t len = (size_t)rand() % sizeof(text);
                struct http_server_head head;

                memcpy(spoiled, text, sizeof(text));
                for (int j = 0; j < 3; j++)
                        spoiled[(size_t)rand() % sizeof(text)] = " \r\n/%0?"[rand() % 7];
                char *copy = guard_copy(spoiled, len);
                if (http_server_head_read(copy, len, &head) == HTTP_SERVER_HEAD_WHOLE)
                        cr_assert(head.path >= copy && head.path + head.path_len <= copy + len);
        }
}
