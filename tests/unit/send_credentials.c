/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(send_credentials);

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

/* End to end: the request after a change has the new token. */
Test(send_credentials, a_rotated_token_is_used)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        char folder[64], path[128];

        make_directory(folder);
        snprintf(path, sizeof(path), "%s/token", folder);
        write_text(path, "old");
        struct send *send = open_with(
                (struct send_config){ .client.token_file = path, .client.headers = "X-Scope-OrgID: a" },
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
Test(send_credentials, proxy)
{
        static const struct step ok[] = { OK };
        struct server *server = server_start(0, ok, 1);
        char proxy[64], reason[HTTP_CLIENT_REASON_SIZE];

        snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", server_port(server));
        struct send *send;
        cr_assert_eq(
                send_open(&(struct send_config){ .client.url = "http://collector.invalid:4318", .client.proxy = proxy },
                          &send),
                0);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 0)->head,
                             "POST http://collector.invalid:4318/v1development/profiles ", 57),
                     0);
        send_close(send, 1000);

        setenv("http_proxy", "http://127.0.0.1:9", 1);
        send = open_with((struct send_config){ .client.proxy = "" }, server_port(server), NULL);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 1)->head, "POST /v1development/profiles ", 29), 0);
        send_close(send, 1000);

        struct send_config config = { .client.url = "http://a",
                                      .client.proxy = "http://x y/",
                                      .client.reason = reason,
                                      .client.reason_size = sizeof(reason) };
        cr_assert_eq(send_open(&config, &send), HTTP_CLIENT_E_PROXY);
        server_stop(server);
}
