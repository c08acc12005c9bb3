/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/client/headers.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SUITE(http_client_headers);

static bool join(void *ctx, const char *line)
{
        char *all = ctx;

        snprintf(all + strlen(all), 4096 - strlen(all), "%s|", line);
        return true;
}

static void write_text(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        fputs(text, file);
        fclose(file);
}

/* As Kubernetes replaces secrets: another file under the same name. */
static void replace(const char *path, const char *text)
{
        char other[160];

        snprintf(other, sizeof(other), "%s.new", path);
        write_text(other, text);
        rename(other, path);
}

Test(http_client_headers, lines)
{
        static const struct {
                const char *text;
                const char *wanted; /* NULL: refused */
        } rows[] = {
                { "", "" },
                { "X-Scope-OrgID: team-a", "X-Scope-OrgID: team-a|" },
                { "a:b\nc:  d e \t\r\n\n# no: thing\n  f: g:h", "a: b|c: d e|f: g:h|" },
                { "X: caf\xc3\xa9", "X: caf\xc3\xa9|" },
                { "X", NULL },
                { "X:", NULL },
                { "X: \n", NULL },
                { ": y", NULL },
                { "X y: z", NULL },
                { "X : z", NULL },
                { "X\xc3\xa9: y", NULL },
                { "X: a\rY: b", NULL },
                { "X: a\x1b[31m", NULL },
                { "Host: evil", NULL },
                { "content-length: 3", NULL },
                { "Idempotency-Key: 1", NULL },
                { "Content-Encoding: br", NULL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char all[4096] = "", reason[HTTP_CLIENT_REASON_SIZE] = "";
                const struct http_client_config config = { .headers = rows[i].text,
                                                           .reason = reason,
                                                           .reason_size = sizeof(reason) };
                struct http_client_headers headers = { 0 };

                cr_expect_eq(http_client_headers_init(&headers, &config), rows[i].wanted ? 0 : HTTP_CLIENT_E_HEADER,
                             "row %zu", i);
                if (rows[i].wanted) {
                        cr_assert(http_client_headers_each(&headers, join, all));
                        cr_expect_str_eq(all, rows[i].wanted, "row %zu", i);
                } else {
                        cr_expect_eq(strncmp(reason, "header 1: ", 10), 0, "row %zu: %s", i, reason);
                }
                http_client_headers_deinit(&headers);
        }
}

Test(http_client_headers, too_many)
{
        char text[65 * 5 + 1] = "";
        struct http_client_headers headers = { 0 };

        for (int i = 0; i < 65; i++)
                strcat(text, "a: b\n");
        cr_assert_eq(http_client_headers_init(&headers, &(struct http_client_config){ .headers = text }),
                     HTTP_CLIENT_E_HEADER);
        http_client_headers_deinit(&headers);
}

Test(http_client_headers, secrets_from_files)
{
        char folder[64], path[3][128], all[4096] = "";
        struct http_client_headers headers = { 0 };

        temp_make(folder, sizeof(folder));
        for (int i = 0; i < 3; i++)
                snprintf(path[i], sizeof(path[i]), "%s/%d", folder, i);
        write_text(path[0], "sesame\nmore\n");
        write_text(path[1], "Aladdin:open sesame\r\n");
        write_text(path[2], "X-Scope-OrgID: a\nX-Other: b\n");
        const struct http_client_config config = {
                .token_file = path[0], .basic_file = path[1], .headers_file = path[2], .headers = "First: 1"
        };
        cr_assert_eq(http_client_headers_init(&headers, &config), 0);
        http_client_headers_each(&headers, join, all);
        cr_assert_str_eq(all, "First: 1|Authorization: Bearer sesame|"
                              "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|X-Scope-OrgID: a|X-Other: b|");

        replace(path[0], "changed");
        write_text(path[1], "no colon");
        unlink(path[2]);
        http_client_headers_refresh(&headers);
        all[0] = '\0';
        http_client_headers_each(&headers, join, all);
        cr_assert_str_eq(all,
                         "First: 1|Authorization: Bearer changed|"
                         "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|X-Scope-OrgID: a|X-Other: b|",
                         "what cannot be read stays as it was");
        http_client_headers_deinit(&headers);
        temp_remove(folder);
}

Test(http_client_headers, unusable_files)
{
        static char large[70000];
        struct http_client_headers headers = { 0 };
        char folder[64], path[128], reason[HTTP_CLIENT_REASON_SIZE];
        struct http_client_config config = { .token_file = path, .reason = reason, .reason_size = sizeof(reason) };
        const struct {
                const char *text, *wanted;
        } rows[] = {
                { "", ": its first line is empty" },
                { "\nsesame", ": its first line is empty" },
                { "ses\x01"
                  "ame",
                  ": a control character in it" },
                { large, ": File too large" },
        };

        memset(large, 'x', sizeof(large) - 1);
        temp_make(folder, sizeof(folder));
        snprintf(path, sizeof(path), "%s/token", folder);
        cr_assert_eq(http_client_headers_init(&headers, &config), HTTP_CLIENT_E_FILE);
        cr_assert(strstr(reason, "/token: No such file or directory"), "%s", reason);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                write_text(path, rows[i].text);
                http_client_headers_deinit(&headers);
                cr_expect_eq(http_client_headers_init(&headers, &config), HTTP_CLIENT_E_FILE, "row %zu", i);
                cr_expect(strstr(reason, rows[i].wanted), "row %zu: %s", i, reason);
                cr_expect_null(strstr(reason, "ses"));
        }
        http_client_headers_deinit(&headers);
        temp_remove(folder);
}

Test(http_client_headers, base64)
{
        /* RFC 4648, section 10 */
        static const char *const rows[][2] = {
                { "", "" },
                { "f", "Zg==" },
                { "fo", "Zm8=" },
                { "foo", "Zm9v" },
                { "foob", "Zm9vYg==" },
                { "fooba", "Zm9vYmE=" },
                { "foobar", "Zm9vYmFy" },
                { "\xff\xef\xbe", "/+++" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *text = http_client_base64(rows[i][0], strlen(rows[i][0]));
                cr_expect_str_eq(text, rows[i][1]);
                free(text);
        }
}
