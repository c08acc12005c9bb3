/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

SUITE(send_limits);

/* What is being sent and the newest survive. */
Test(send_limits, full_queue_drops_the_oldest)
{
        static const struct step steps[] = { { .act = ACT_STALL } };
        struct server *server = server_start(0, steps, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 2000, &said);
        struct send_counters c;

        send_one(send, "first");
        server_request(server, 0);
        for (int i = 0; i < 20; i++)
                send_one(send, "more");
        send_counters(send, &c);
        cr_assert_eq(c.queued, 21);
        cr_assert_leq(c.waiting_bytes, 2000);
        cr_assert_gt(c.lost[SEND_LOST_FULL], 10);
        cr_assert_eq(c.lost[SEND_LOST_FULL] + c.waiting, 21);
        send_close(send, 50);
        server_stop(server);
}

Test(send_limits, closing_sends_what_waits)
{
        static const struct step steps[] = {
                { .status = "503 Service Unavailable", .headers = "Retry-After: 60\r\n" },
                OK,
        };
        struct server *server = server_start(0, steps, 2);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);

        send_one(send, "a");
        wait_until(&said.downs);
        send_one(send, "b");
        send_close(send, 5000);
        cr_assert_eq(server_requests(server), 3);
        cr_assert_eq(said.ups, 1);
        server_stop(server);
}

Test(send_limits, closing_is_not_held_up)
{
        static const struct step stall[] = { { .act = ACT_STALL } };
        struct server *server = server_start(0, stall, 1);
        struct said said = { 0 };
        struct send *send = open_at(server_port(server), 0, &said);

        send_one(send, "a");
        send_one(send, "b");
        server_request(server, 0);
        int64_t start = now_ms();
        send_close(send, 300);
        cr_assert_geq(now_ms() - start, 290);
        cr_assert_lt(now_ms() - start, 700);
        cr_assert_eq(said.downs, 0);

        /* With nobody there, it does not wait for the deadline. */
        uint16_t port = server_port(server);
        server_stop(server);
        send = open_at(port, 0, &said);
        send_one(send, "a");
        wait_until(&said.downs);
        start = now_ms();
        send_close(send, 10000);
        cr_assert_lt(now_ms() - start, 500);
}
