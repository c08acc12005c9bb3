/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a server on a Unix socket that answers every one with the same text. */
#include "agent/http/http.h"
#include "tests/unit/support/suite.h"
#include "tests/unit/support/unix_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

SUITE(http_client_request);

struct server {
        struct unix_server at;
        char request[4096];
        const char *answer;
        size_t n_more; /* so many bytes 'x' behind it */
        bool stalls;
};

static void *serve(void *ctx)
{
        struct server *server = ctx;
        static const char more[4096] = { [0 ... 4095] = 'x' };
        int fd;

        while ((fd = accept(server->at.fd, NULL, NULL)) >= 0) {
                ssize_t n = read(fd, server->request, sizeof(server->request) - 1);

                server->request[n > 0 ? n : 0] = '\0';
                dprintf(fd, "%s", server->answer);
                for (size_t left = server->n_more; left > 0 && n > 0; left -= (size_t)n)
                        n = send(fd, more, left < sizeof(more) ? left : sizeof(more), MSG_NOSIGNAL);
                if (server->stalls)
                        n = read(fd, server->request, 1);
                close(fd);
        }
        return NULL;
}

#define CLOSE "Connection: close\r\n\r\n"

static struct http_client *open_at(const struct server *server, size_t body_max)
{
        const struct http_client_config config = { .url = "http://here/base",
                                                   .path = "/path",
                                                   .unix_socket = server->at.path,
                                                   .headers = "X-Fixed: 1",
                                                   .body_max = body_max };
        struct http_client *client;

        cr_assert_eq(http_client_open(&config, &client), 0);
        cr_expect_str_eq(http_client_url(client), "http://here/base/path");
        return client;
}

Test(http_client_request, without_a_body_it_is_get_and_with_one_post)
{
        struct server server = { .answer = "HTTP/1.1 200 OK\r\n" CLOSE "yes" };
        const char *const headers[] = { "X-Own: 2", NULL };
        struct http_client_answer answer;

        unix_server_start(&server.at, serve, &server);
        struct http_client *client = open_at(&server, 0);
        http_client_request(client, &(struct http_client_request){ .headers = headers, .body = "body", .len = 4 },
                            &answer);
        cr_expect_eq(strncmp(server.request, "POST /base/path HTTP/1.1\r\n", 26), 0, "%s", server.request);
        cr_expect_not_null(strstr(server.request, "\r\nX-Own: 2\r\n"));
        cr_expect_not_null(strstr(server.request, "\r\nX-Fixed: 1\r\n"));
        http_client_request(client, &(struct http_client_request){ 0 }, &answer);
        cr_expect_eq(strncmp(server.request, "GET /base/path HTTP/1.1\r\n", 25), 0, "%s", server.request);
        cr_expect_null(strstr(server.request, "X-Own"));
        cr_expect_eq(answer.status, 200);
        cr_expect_eq(answer.len, 3);
        cr_expect_eq(memcmp(answer.body, "yes", 3), 0);
        http_client_close(client);
        unix_server_stop(&server.at);
}

Test(http_client_request, what_is_kept_of_an_answer_is_bounded)
{
        static const struct {
                size_t max, sent, kept;
        } cases[] = { { 1000, 0, 0 },
                      { 1000, 999, 999 },
                      { 1000, 1000, 1000 },
                      { 1000, 1001, 1000 },
                      { 1000, 1 << 20, 1000 },
                      { 0, 1 << 20, 64 << 10 },
                      { 3 << 20, 2 << 20, 2 << 20 },
                      { 1000, 16 << 20, 1000 } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct server server = { .answer = "HTTP/1.1 200 OK\r\n" CLOSE, .n_more = cases[i].sent };
                struct http_client_answer answer;

                unix_server_start(&server.at, serve, &server);
                struct http_client *client = open_at(&server, cases[i].max);
                http_client_request(client, &(struct http_client_request){ 0 }, &answer);
                cr_expect_eq(answer.status, 200);
                cr_expect_eq(answer.len, cases[i].kept, "case %zu: %zu", i, answer.len);
                for (size_t at = 0; at < answer.len; at++)
                        cr_assert_eq(answer.body[at], 'x');
                http_client_close(client);
                unix_server_stop(&server.at);
        }
}

static void *stop_soon(void *ctx)
{
        struct timespec now;

        usleep(100000);
        clock_gettime(CLOCK_MONOTONIC, &now);
        http_client_stop_at(ctx, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        return NULL;
}

Test(http_client_request, a_server_that_stalls_is_left_when_told_so)
{
        struct server server = { .answer = "", .stalls = true };
        struct http_client_answer answer;
        pthread_t thread;
        time_t begin = time(NULL);

        unix_server_start(&server.at, serve, &server);
        struct http_client *client = open_at(&server, 0);
        cr_assert_eq(pthread_create(&thread, NULL, stop_soon, client), 0);
        http_client_request(client, &(struct http_client_request){ 0 }, &answer);
        cr_expect_eq(answer.status, HTTP_CLIENT_STOPPED);
        cr_expect_lt(time(NULL) - begin, 20);
        pthread_join(thread, NULL);
        http_client_close(client);
        unix_server_stop(&server.at);
}

Test(http_client_request, urls)
{
        static const struct {
                const char *url;
                bool path;
                int expected;
        } cases[] = {
                { "http://a", true, 0 },
                { "https://a:1/b/", true, 0 },
                { "HTTP://a/b?c=d", false, 0 },
                { "http://a/b?c=d", true, HTTP_CLIENT_E_URL },
                { "a:4318", true, HTTP_CLIENT_E_URL },
                { "", false, HTTP_CLIENT_E_URL },
                { "ftp://a", true, HTTP_CLIENT_E_URL },
                { "http://", true, HTTP_CLIENT_E_URL },
                { "http://u@a", true, HTTP_CLIENT_E_URL },
                { "http://u:p@a", true, HTTP_CLIENT_E_URL },
                { "http://a/#b", false, HTTP_CLIENT_E_URL },
                { "//a", true, HTTP_CLIENT_E_URL },
                { "http://a b", true, HTTP_CLIENT_E_URL },
                { "http://a:65535", true, 0 },
                { "http://a:65536", true, HTTP_CLIENT_E_URL },
                { "http://a:99999/", true, HTTP_CLIENT_E_URL },
                { "http://a:0", true, HTTP_CLIENT_E_URL },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char reason[HTTP_CLIENT_REASON_SIZE] = "";
                const struct http_client_config config = { .url = cases[i].url,
                                                           .path = cases[i].path ? "/x" : NULL,
                                                           .reason = reason,
                                                           .reason_size = sizeof(reason) };
                struct http_client *client = NULL;
                int r = http_client_open(&config, &client);

                cr_expect_eq(r, cases[i].expected, "%s: %d", cases[i].url, r);
                cr_expect_eq(r == 0, reason[0] == '\0', "%s", cases[i].url);
                http_client_close(client);
        }
}
