/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/headers.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SUITE(send_headers);

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

Test(send_headers, lines)
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
                char all[4096] = "", reason[SEND_REASON_SIZE] = "";
                const struct send_config config = { .headers = rows[i].text, .reason = reason,
                                                    .reason_size = sizeof(reason) };
                struct send_headers headers = { 0 };

                cr_expect_eq(send_headers_init(&headers, &config), rows[i].wanted ? 0 : SEND_E_HEADER, "row %zu", i);
                if (rows[i].wanted) {
                        cr_assert(send_headers_each(&headers, join, all));
                        cr_expect_str_eq(all, rows[i].wanted, "row %zu", i);
                } else {
                        cr_expect_eq(strncmp(reason, "header 1: ", 10), 0, "row %zu: %s", i, reason);
                }
                send_headers_deinit(&headers);
        }
}

Test(send_headers, too_many)
{
        char text[65 * 5 + 1] = "";
        struct send_headers headers = { 0 };

        for (int i = 0; i < 65; i++)
                strcat(text, "a: b\n");
        cr_assert_eq(send_headers_init(&headers, &(struct send_config){ .headers = text }), SEND_E_HEADER);
        send_headers_deinit(&headers);
}

Test(send_headers, secrets_from_files)
{
        char folder[64], path[3][128], all[4096] = "";
        struct send_headers headers = { 0 };

        make_directory(folder);
        for (int i = 0; i < 3; i++)
                snprintf(path[i], sizeof(path[i]), "%s/%d", folder, i);
        write_text(path[0], "sesame\nmore\n");
        write_text(path[1], "Aladdin:open sesame\r\n");
        write_text(path[2], "X-Scope-OrgID: a\nX-Other: b\n");
        const struct send_config config = { .token_file = path[0], .basic_file = path[1], .headers_file = path[2],
                                            .headers = "First: 1" };
        cr_assert_eq(send_headers_init(&headers, &config), 0);
        send_headers_each(&headers, join, all);
        cr_assert_str_eq(all, "First: 1|Authorization: Bearer sesame|"
                              "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|X-Scope-OrgID: a|X-Other: b|");

        replace(path[0], "changed");
        write_text(path[1], "no colon");
        unlink(path[2]);
        send_headers_refresh(&headers);
        all[0] = '\0';
        send_headers_each(&headers, join, all);
        cr_assert_str_eq(all, "First: 1|Authorization: Bearer changed|"
                              "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|X-Scope-OrgID: a|X-Other: b|",
                         "what cannot be read stays as it was");
        send_headers_deinit(&headers);
        remove_directory(folder);
}

Test(send_headers, unusable_files)
{
        static char large[70000];
        struct send_headers headers = { 0 };
        char folder[64], path[128], reason[SEND_REASON_SIZE];
        struct send_config config = { .token_file = path, .reason = reason, .reason_size = sizeof(reason) };
        const struct {
                const char *text, *wanted;
        } rows[] = {
                { "", ": its first line is empty" },
                { "\nsesame", ": its first line is empty" },
                { "ses\x01" "ame", ": a control character in it" },
                { large, ": File too large" },
        };

        memset(large, 'x', sizeof(large) - 1);
        make_directory(folder);
        snprintf(path, sizeof(path), "%s/token", folder);
        cr_assert_eq(send_headers_init(&headers, &config), SEND_E_FILE);
        cr_assert(strstr(reason, "/token: No such file or directory"), "%s", reason);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                write_text(path, rows[i].text);
                send_headers_deinit(&headers);
                cr_expect_eq(send_headers_init(&headers, &config), SEND_E_FILE, "row %zu", i);
                cr_expect(strstr(reason, rows[i].wanted), "row %zu: %s", i, reason);
                cr_expect_null(strstr(reason, "ses"));
        }
        send_headers_deinit(&headers);
        remove_directory(folder);
}

/* End to end: the request after a change has the new token. */
Test(send_headers, a_rotated_token_is_used)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        char folder[64], path[128];

        make_directory(folder);
        snprintf(path, sizeof(path), "%s/token", folder);
        write_text(path, "old");
        struct send *send = open_with((struct send_config){ .token_file = path, .headers = "X-Scope-OrgID: a" },
                                      server_port(server), NULL);
        send_one(send, "a");
        cr_assert_str_eq(request_header(server_request(server, 0), "Authorization"), "Bearer old");
        cr_assert_str_eq(request_header(server_request(server, 0), "X-Scope-OrgID"), "a");
        wait_for_end(send, 1);
        replace(path, "new");
        send_one(send, "b");
        cr_assert_str_eq(request_header(server_request(server, 1), "Authorization"), "Bearer new");
        send_close(send, 1000);
        server_stop(server);
        remove_directory(folder);
}

/* A proxy gets the whole URL; "" overrides what the environment says. */
Test(send_headers, proxy)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        char proxy[64], reason[SEND_REASON_SIZE];

        snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", server_port(server));
        struct send *send;
        cr_assert_eq(send_open(&(struct send_config){ .url = "http://collector.invalid:4318", .proxy = proxy }, &send), 0);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 0)->head,
                             "POST http://collector.invalid:4318/v1development/profiles ", 57), 0);
        send_close(send, 1000);

        setenv("http_proxy", "http://127.0.0.1:9", 1);
        send = open_with((struct send_config){ .proxy = "" }, server_port(server), NULL);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 1)->head, "POST /v1development/profiles ", 29), 0);
        send_close(send, 1000);

        struct send_config config = { .url = "http://a", .proxy = "http://x y/", .reason = reason,
                                      .reason_size = sizeof(reason) };
        cr_assert_eq(send_open(&config, &send), SEND_E_PROXY);
        server_stop(server);
}
