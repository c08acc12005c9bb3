/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "push.pb-c.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <string.h>

/* Which profiles are sent again after an answer that is not for all of them. */
SUITE(send_apart);

#define PROFILES 3

static const char *const names[PROFILES] = { "a", "b", "c" };

static struct send *open_protocol(const char *protocol, struct server *server, const char *spool)
{
        return open_with((struct send_config){ .protocol = protocol, .spool = spool }, server_port(server), NULL);
}

static void send_all(struct send *send)
{
        struct profile_set set = { 0 };

        for (size_t i = 0; i < PROFILES; i++)
                make_set(&set, names[i]);
        cr_assert_eq(send_profiles_to_all(&send, 1, &set), 0);
        profile_set_deinit(&set);
}

/* The push that the @n-th request is; to be freed. */
static Push__Request *push_at(struct server *server, size_t n)
{
        const struct request *request = server_request(server, n);
        Push__Request *push;
        void *bytes;
        size_t len;

        cr_assert_eq(gzip_unpack(request->body, request->len, 1 << 20, &bytes, &len), 0);
        push = push__request__unpack(NULL, len, bytes);
        cr_assert(push);
        free(bytes);
        return push;
}

/* Checks that the @n-th request is one of the first request's series alone; returns which one. */
static size_t check_single(struct server *server, size_t n)
{
        Push__Request *all = push_at(server, 0), *one = push_at(server, n);
        size_t which = PROFILES;

        cr_assert_eq(all->n_series, PROFILES);
        cr_assert_eq(one->n_series, 1);
        for (size_t i = 0; i < PROFILES; i++) {
                if (strcmp(all->series[i]->samples[0]->id, one->series[0]->samples[0]->id) == 0)
                        which = i;
        }
        cr_assert_lt(which, PROFILES, "it has the id that it had");
        push__request__free_unpacked(all, NULL);
        push__request__free_unpacked(one, NULL);
        return which;
}

/* What the server names as not stored is sent again, and nothing else. */
Test(send_apart, what_is_named)
{
        static const struct step steps[] = {
                { .status = "500 Internal Server Error",
                  .body = "{\"code\":\"unknown\",\"message\":\"push series with index 1 and id x failed: "
                          "resource_exhausted: push rate limit (4.0 MiB) exceeded while adding 1 B\"}" },
                OK,
        };
        struct server *server = server_start(0, steps, 2);
        struct send *send = open_protocol("pyroscope", server, NULL);

        send_all(send);
        struct send_counters c = wait_for_end(send, 1);
        cr_expect_eq(c.delivered, 1);
        cr_expect_eq(c.divided, 1);
        cr_expect_eq(c.unsure, 0);
        cr_expect_eq(server_requests(server), 2);
        cr_expect_eq(check_single(server, 1), 1);
        send_close(send, 1000);
        server_stop(server);
}

/* If nothing is named, each is sent alone, so that no later answer is for several. */
static void check_singles(const char *spool)
{
        static const struct step steps[] = { { .status = "429 Too Many Requests" }, OK };
        struct server *server = server_start(0, steps, 2);
        struct send *send = open_protocol("pyroscope", server, spool);
        size_t seen = 0;

        send_all(send);
        struct send_counters c = wait_for_end(send, PROFILES);
        cr_expect_eq(c.delivered, PROFILES);
        cr_expect_eq(c.divided, 1);
        cr_expect_eq(c.unsure, 1);
        cr_expect_eq(c.spool_bytes + c.waiting_bytes, 0);
        for (size_t i = 1; i <= PROFILES; i++)
                seen |= (size_t)1 << check_single(server, i);
        cr_expect_eq(seen, 7);
        send_close(send, 1000);
        server_stop(server);
}

Test(send_apart, each_alone)
{
        check_singles(NULL);
}

Test(send_apart, each_alone_on_disk)
{
        char spool[64];

        make_directory(spool);
        check_singles(spool);
        remove_directory(spool);
}

/* OTLP does not tell which profiles a server has stored before it failed. */
Test(send_apart, otlp_by_profile)
{
        static const struct step steps[] = { { .status = "500 Internal Server Error" }, OK };
        struct server *server = server_start(0, steps, 2);
        struct send *send = open_protocol("otlp", server, NULL);

        send_all(send);
        struct send_counters c = wait_for_end(send, PROFILES);
        cr_expect_eq(c.delivered, PROFILES);
        cr_expect_eq(c.unsure, 1);
        for (size_t i = 0; i <= PROFILES; i++) {
                char *text = unpack(server_request(server, i));
                struct profile_set set;

                cr_assert_eq(format_read_otlp(text, strlen(text), &set, NULL), 0);
                cr_expect_eq(set.n, i == 0 ? PROFILES : 1);
                profile_set_deinit(&set);
                free(text);
        }
        send_close(send, 1000);
        server_stop(server);
}

/* Whether all was sent before the connection broke off is known; whether it was stored is not. */
Test(send_apart, broken_connections)
{
        static const struct step steps[] = { { .act = ACT_BREAK }, OK, { .act = ACT_RESET }, OK };
        struct server *server = server_start(0, steps, 4);
        struct send *send = open_protocol("pyroscope", server, NULL);

        send_all(send);
        struct send_counters c = wait_for_end(send, 1);
        cr_expect_eq(c.unsure, 1);
        check_same(server_request(server, 0), server_request(server, 1));
        /* This one libcurl sends again by itself, since it was on a kept connection. */
        send_all(send);
        c = wait_for_end(send, 2);
        cr_expect_eq(c.delivered, 2);
        cr_expect_eq(c.unsure, 2);
        check_same(server_request(server, 2), server_request(server, 3));
        send_close(send, 1000);
        server_stop(server);
}

Test(send_apart, nobody_there_is_no_doubt)
{
        struct server *server = server_start(0, (struct step[]){ OK }, 1);
        uint16_t port = server_port(server);

        server_stop(server);
        struct send *send = open_with((struct send_config){ 0 }, port, NULL);
        send_one(send, "a");
        struct send_counters c;
        int64_t end = now_ms() + 5000;
        do
                send_counters(send, &c);
        while (c.retried == 0 && now_ms() < end);
        cr_expect_gt(c.retried, 0);
        cr_expect_eq(c.unsure, 0);
        send_close(send, 0);
}
