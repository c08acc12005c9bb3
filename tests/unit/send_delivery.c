/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

SUITE(send_delivery);

Test(send_delivery, request_is_what_otlp_wants)
{
        static const struct step steps[] = { OK };
        struct server *server = server_start(0, steps, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);
        struct profile_set set = { 0 };
        char *json = NULL, url[64];
        size_t len, unpacked_len;
        void *unpacked;

        make_set(&set, "work");
        cr_assert_eq(send_profiles_to_all(&send, 1, &set), 0);
        const struct request *request = server_request(server, 0);
        cr_assert_eq(strncmp(request->head, "POST /v1development/profiles HTTP/1.1\r\n", 39), 0);
        cr_assert_str_eq(request_header(request, "Content-Type"), "application/json");
        cr_assert_str_eq(request_header(request, "Content-Encoding"), "gzip");
        cr_assert_str_eq(request_header(request, "Expect"), "(none)");
        cr_assert_str_eq(request_header(request, "Authorization"), "(none)");
        cr_assert_eq(strlen(request_header(request, "Idempotency-Key")), 36);
        snprintf(url, sizeof(url), "127.0.0.1:%u", server_port(server));
        cr_assert_str_eq(request_header(request, "Host"), url);

        FILE *out = open_memstream(&json, &len);
        cr_assert_eq(format_send_otlp(&set, false, out), 0);
        fclose(out);
        cr_assert_eq(gzip_unpack(request->body, request->len, 1 << 20, &unpacked, &unpacked_len), 0);
        cr_assert_eq(unpacked_len, len);
        cr_assert_eq(memcmp(unpacked, json, len), 0);

        struct send_counters c = wait_for_end(send, 1);
        cr_assert_eq(c.delivered, 1);
        cr_assert_eq(c.bytes, request->len);
        cr_assert_eq(c.waiting_bytes, 0);
        cr_assert_eq(said.downs + said.ups + said.rejections, 0);
        free(json);
        free(unpacked);
        profile_set_deinit(&set);
        send_close(send, 1000);
        server_stop(server);
}

/* Each answer twice, on one connection. */
Test(send_delivery, final_answers)
{
        static const struct {
                struct step step;
                unsigned delivered;
        } rows[] = {
                { OK, 1 },
                { { .status = "200 OK" }, 1 },
                { { .status = "202 Accepted", .body = "\x0a\x01" }, 1 },
                { { .status = "200 OK", .body = "{\"partialSuccess\":{\"errorMessage\":\"beware\"}}" }, 1 },
                { { .status = "200 OK", .body = "{\"partialSuccess\":{\"rejectedProfiles\":\"1\"}}" }, 0 },
                { { .status = "400 Bad Request", .body = "what" }, 0 },
                { { .status = "413 Content Too Large" }, 0 },
                { { .status = "415 Unsupported Media Type" }, 0 },
                { { .status = "422 Unprocessable Content", .headers = "Retry-After: 1\r\n" }, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct server *server = server_start(0, &rows[i].step, 1);
                struct said said = { 0 };
                struct send *send = open_at(server_port(server), 0, &said);

                send_one(send, "a");
                send_one(send, "b");
                struct send_counters c = wait_for_end(send, 2);
                cr_expect_eq(c.delivered, 2 * rows[i].delivered, "row %zu", i);
                cr_expect_eq(lost(&c), 2 - 2 * rows[i].delivered, "row %zu", i);
                cr_expect_eq(c.retried, 0, "row %zu", i);
                send_close(send, 1000);
                cr_expect_eq(said.rejections, 2 - 2 * rows[i].delivered, "row %zu", i);
                cr_expect_eq(said.downs, 0);
                cr_expect_eq(server_connections(server), 1, "row %zu", i);
                server_stop(server);
        }
}

/* What is sent again is the same, byte for byte. All at once, since each waits up to a second. */
Test(send_delivery, retried_after_passing_failures)
{
        static const struct {
                struct step steps[2];
                unsigned downs;
        } rows[] = {
                { { { .status = "503 Service Unavailable", .body = "no" }, OK }, 1 },
                { { { .status = "502 Bad Gateway" }, OK }, 1 },
                { { { .status = "500 Internal Server Error" }, OK }, 0 },
                { { { .status = "408 Request Timeout" }, OK }, 0 },
                { { { .act = ACT_RESET }, OK }, 1 },
                { { { .act = ACT_BREAK, .status = "200 OK" }, OK }, 1 },
        };
        enum { N = sizeof(rows) / sizeof(rows[0]) };
        struct server *servers[N];
        struct said said[N] = { 0 };
        struct send *sends[N];

        for (size_t i = 0; i < N; i++) {
                servers[i] = server_start(0, rows[i].steps, 2);
                sends[i] = open_at(server_port(servers[i]), 0, &said[i]);
                send_one(sends[i], "a");
        }
        for (size_t i = 0; i < N; i++) {
                struct send_counters c = wait_for_end(sends[i], 1);

                cr_expect_eq(c.delivered, 1, "row %zu", i);
                cr_expect_eq(c.retried, 1, "row %zu", i);
                check_same(server_request(servers[i], 0), server_request(servers[i], 1));
                send_close(sends[i], 1000);
                cr_expect_eq(said[i].downs, rows[i].downs, "row %zu", i);
                cr_expect_eq(said[i].ups, rows[i].downs, "row %zu", i);
                cr_expect_eq(said[i].rejections, 0);
                cr_expect_eq(server_requests(servers[i]), 2, "row %zu", i);
                server_stop(servers[i]);
        }
}

Test(send_delivery, retry_after_is_respected)
{
        static const struct step steps[] = {
                { .status = "429 Too Many Requests", .headers = "Retry-After: 1\r\n" },
                OK,
        };
        struct server *server = server_start(0, steps, 2);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);
        int64_t start = now_ms();

        send_one(send, "a");
        server_request(server, 0);
        send_one(send, "b");
        struct send_counters c = wait_for_end(send, 2);
        cr_assert_geq(now_ms() - start, 1000);
        cr_assert_eq(c.delivered, 2);
        cr_assert_eq(c.retried, 1);
        check_same(server_request(server, 0), server_request(server, 2));
        send_close(send, 1000);
        cr_assert_eq(said.downs, 0);
        server_stop(server);
}

Test(send_delivery, the_status_counts_even_if_the_body_breaks_off)
{
        static const struct step steps[] = { { .act = ACT_TRUNCATE, .status = "200 OK", .body = "{" } };
        struct server *server = server_start(0, steps, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);

        send_one(send, "a");
        struct send_counters c = wait_for_end(send, 1);
        cr_assert_eq(c.delivered, 1);
        cr_assert_eq(c.retried, 0);
        send_close(send, 1000);
        cr_assert_eq(server_requests(server), 1);
        server_stop(server);
}

/* The probe waits a minute when it is people who have to act; nothing is thrown away meanwhile. */
Test(send_delivery, wrong_address_holds_everything_back)
{
        static const struct step steps[] = { { .status = "404 Not Found", .body = "no such path" } };
        struct server *server = server_start(0, steps, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);
        struct send_counters c;

        send_one(send, "a");
        wait_until(&said.downs);
        send_one(send, "b");
        usleep(200000);
        send_counters(send, &c);
        cr_assert_eq(c.waiting, 2);
        cr_assert_geq(c.waiting_ms, 200);
        cr_assert_eq(server_requests(server), 1);
        cr_assert_str_eq(said.reason, "HTTP status 404: no such path");
        send_close(send, 1000);
        cr_assert_eq(server_requests(server), 2, "closing tries once more");
        cr_assert_eq(said.downs, 1);
        cr_assert_eq(said.ups, 0);
        server_stop(server);
}

Test(send_delivery, endless_500_is_given_up)
{
        static const struct step steps[] = { { .status = "500 Internal Server Error", .body = "again" } };
        struct server *server = server_start(0, steps, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);

        send_one(send, "a");
        struct send_counters c = wait_for_end(send, 1);
        cr_assert_eq(c.lost[SEND_LOST_REJECTED], 1);
        cr_assert_eq(c.retried, 2);
        send_close(send, 1000);
        cr_assert_eq(server_requests(server), 3);
        cr_assert_eq(said.rejections, 1);
        cr_assert_eq(said.downs, 0);
        server_stop(server);
}

/* How often it failed while the collector was away does not count when that is back and wants a moment more. */
Test(send_delivery, an_outage_does_not_use_up_the_tries)
{
        static const struct step steps[] = {
                { .status = "503 Service Unavailable" },
                { .status = "503 Service Unavailable" },
                { .status = "500 Internal Server Error" },
                OK,
        };
        struct server *server = server_start(0, steps, 4);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);

        send_one(send, "a");
        for (size_t i = 0; i < 4; i++)
                server_request(server, i);
        struct send_counters c = wait_for_end(send, 1);
        cr_assert_eq(c.delivered, 1);
        cr_assert_eq(c.retried, 3);
        cr_assert_eq(send_close(send, 1000), 0);
        cr_assert_eq(said.rejections, 0);
        server_stop(server);
}

/* Down once, however many batches come meanwhile; all delivered when the collector comes. */
Test(send_delivery, collector_comes_later)
{
        static const struct step steps[] = { OK };
        struct server *server = server_start(0, steps, 1);
        uint16_t port = server_port(server);
        struct said said = { 0 };

        server_stop(server);
        struct send *send = open_at(port, 0, &said);
        send_one(send, "a");
        send_one(send, "b");
        wait_until(&said.downs);
        send_one(send, "c");
        server = server_start(port, steps, 1);
        struct send_counters c = wait_for_end(send, 3);
        cr_assert_eq(c.delivered, 3);
        cr_assert_geq(c.retried, 1);
        send_close(send, 1000);
        cr_assert_eq(said.downs, 1);
        cr_assert_eq(said.ups, 1);
        cr_assert_eq(server_requests(server), 3);
        server_stop(server);
}

Test(send_delivery, urls)
{
        static const struct {
                const char *url;
                int wanted;
        } rows[] = {
                { "http://127.0.0.1:4318", 0 },
                { "https://collector.example/base/", 0 },
                { "http://[::1]:4318/", 0 },
                { "", HTTP_CLIENT_E_URL },
                { "collector:4318", HTTP_CLIENT_E_URL },
                { "127.0.0.1:4318", HTTP_CLIENT_E_URL },
                { "ftp://collector", HTTP_CLIENT_E_URL },
                { "file:///etc/passwd", HTTP_CLIENT_E_URL },
                { "http://", HTTP_CLIENT_E_URL },
                { "http://a b/", HTTP_CLIENT_E_URL },
                { "http://collector:99999", HTTP_CLIENT_E_URL },
                { "http://collector/?tenant=a", HTTP_CLIENT_E_URL },
                { "http://collector/#a", HTTP_CLIENT_E_URL },
                { "http://user@collector", HTTP_CLIENT_E_URL },
                { "http://user:secret@collector", HTTP_CLIENT_E_URL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char reason[HTTP_CLIENT_REASON_SIZE] = "";
                struct send_config config = { .client.url = rows[i].url,
                                              .client.reason = reason,
                                              .client.reason_size = sizeof(reason) };
                struct send *send = NULL;

                cr_expect_eq(send_open(&config, &send), rows[i].wanted, "%s", rows[i].url);
                cr_expect_eq(send != NULL, rows[i].wanted == 0);
                cr_expect_eq(*reason == '\0', rows[i].wanted == 0);
                cr_expect_null(strstr(reason, "secret"));
                send_close(send, 0);
        }
}

Test(send_delivery, base_path_token_and_empty_sets)
{
        static const struct step steps[] = { OK };
        struct server *server = server_start(0, steps, 1);
        struct profile_set empty = { 0 };
        struct send *send;
        char url[64];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u/base//", server_port(server));
        cr_assert_eq(send_open(&(struct send_config){ .client.url = url, .client.token = "sesame" }, &send), 0);
        cr_assert_eq(send_profiles_to_all(&send, 1, &empty), 0);
        send_one(send, "a");
        cr_assert_eq(strncmp(server_request(server, 0)->head, "POST /base/v1development/profiles ", 34), 0);
        cr_assert_str_eq(request_header(server_request(server, 0), "Authorization"), "Bearer sesame");
        cr_assert_eq(wait_for_end(send, 1).queued, 1);
        send_close(send, 1000);
        send_close(NULL, 1000);
        server_stop(server);
}
