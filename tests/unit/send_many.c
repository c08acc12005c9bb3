/* SPDX-License-Identifier: Apache-2.0 */
/* Several destinations, several protocols, several batches. */
#include "agent/format/format.h"
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(send_many);

/* A destination that stalls holds up no other, and each has its own key. */
Test(send_many, no_destination_waits_for_another)
{
        static const struct step ok[] = { OK }, stall[] = { { .act = ACT_STALL } };
        struct server *servers[4] = { server_start(0, stall, 1), server_start(0, ok, 1), server_start(0, ok, 1),
                                      server_start(0, ok, 1) };
        static const struct send_config configs[4] = {
                { .protocol = NULL },
                { .protocol = "otlp" },
                { .protocol = "pyroscope" },
                { .uncompressed = true },
        };
        struct profile_set set = { 0 };
        struct send *sends[4];

        for (size_t i = 0; i < 4; i++)
                sends[i] = open_with(configs[i], server_port(servers[i]), NULL);
        make_set(&set, "work");
        cr_assert_eq(send_profiles_to_all(sends, 4, &set), 0);
        cr_assert_eq(send_profiles_to_all(sends, 4, &set), 0);
        for (size_t i = 1; i < 4; i++)
                cr_assert_eq(wait_for_end(sends[i], 2).delivered, 2);

        const struct request *a = server_request(servers[0], 0), *b = server_request(servers[1], 0);
        cr_assert_eq(a->len, b->len);
        cr_assert_eq(memcmp(a->body, b->body, a->len), 0);
        char key[64];
        snprintf(key, sizeof(key), "%s", request_header(a, "Idempotency-Key"));
        cr_assert_str_neq(request_header(b, "Idempotency-Key"), key);

        const struct request *push = server_request(servers[2], 0), *plain = server_request(servers[3], 0);
        cr_assert_eq(strncmp(push->head, "POST /push.v1.PusherService/Push HTTP/1.1\r\n", 43), 0);
        cr_assert_str_eq(request_header(push, "Content-Type"), "application/proto");
        char *text = unpack(push);
        cr_assert_eq(text[0], 1 << 3 | 2, "a series first");
        free(text);
        cr_assert_str_eq(request_header(plain, "Content-Encoding"), "(none)");
        text = unpack(b);
        cr_assert_str_eq(plain->body, text);
        free(text);

        profile_set_deinit(&set);
        for (size_t i = 0; i < 4; i++) {
                send_close(sends[i], i == 0 ? 0 : 1000);
                server_stop(servers[i]);
        }
}

/* The profiles of a request, by the names of their functions. */
static void read_names(struct server *server, size_t n, char names[static 64])
{
        char *text = unpack(server_request(server, n));
        struct profile_set set;

        names[0] = '\0';
        cr_assert_eq(format_read_otlp(text, strlen(text), &set, NULL), 0);
        for (size_t i = 0; i < set.n; i++)
                strcat(names, profile_function(set.items[i], 1)->name);
        profile_set_deinit(&set);
        free(text);
}

static void too_large(const char *spool)
{
        static const struct step steps[] = {
                { .status = "413 Content Too Large" }, OK, { .status = "413 Content Too Large" }, OK,
                { .status = "413 Content Too Large" }, OK,
        };
        static const char *const wanted[] = { "abcd", "cd", "ab", "b", "a", "e" };
        struct server *server = server_start(0, steps, 6);
        struct said said = { 0 };
        struct send *send = open_with((struct send_config){ .spool = spool }, server_port(server), &said);
        struct profile_set set = { 0 };
        char names[64];

        for (const char *name = "a\0b\0c\0d\0"; *name; name += 2)
                make_set(&set, name);
        cr_assert_eq(send_profiles_to_all(&send, 1, &set), 0);
        struct send_counters c = wait_for_end(send, 3);
        cr_assert_eq(c.queued, 5);
        cr_assert_eq(c.divided, 2);
        cr_assert_eq(c.delivered, 2);
        cr_assert_eq(c.lost[SEND_LOST_TOO_LARGE], 1);
        cr_assert_eq(c.retried, 0);
        send_one(send, "e");
        c = wait_for_end(send, 4);
        for (size_t i = 0; i < 6; i++) {
                read_names(server, i, names);
                cr_expect_str_eq(names, wanted[i]);
        }
        cr_expect_eq(c.spool_bytes + c.waiting_bytes, 0);
        send_close(send, 1000);
        cr_assert_eq(said.rejections, 1);
        cr_assert_eq(said.downs, 0);
        server_stop(server);
        profile_set_deinit(&set);
}

Test(send_many, too_large_is_halved)
{
        too_large(NULL);
}

Test(send_many, too_large_is_halved_on_disk)
{
        char spool[64];

        make_directory(spool);
        too_large(spool);
        remove_directory(spool);
}

Test(send_many, protocols_have_names)
{
        const char *summary = NULL;

        cr_assert_str_eq(send_protocol_name(0, &summary), "otlp");
        cr_assert(summary && *summary);
        cr_assert_str_eq(send_protocol_name(1, NULL), "pyroscope");
        cr_assert_str_eq(send_protocol_name(2, NULL), "parca");
        cr_assert_null(send_protocol_name(3, NULL));
        for (int i = 0; i < SEND_LOSSES; i++)
                cr_assert(*send_loss_name((enum send_loss)i));

        char reason[HTTP_CLIENT_REASON_SIZE];
        struct send_config config = { .client.url = "http://127.0.0.1:1",
                                      .protocol = "carrier-pigeon",
                                      .client.reason = reason,
                                      .client.reason_size = sizeof(reason) };
        struct send *send = NULL;
        cr_assert_eq(send_open(&config, &send), SEND_E_PROTOCOL);
        cr_assert_str_eq(reason, "'carrier-pigeon' is none of otlp, pyroscope, parca");
}
