/* SPDX-License-Identifier: Apache-2.0 */
/* What an outage has left, when the collector is back. */
#include "tests/unit/send_fixture.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

SUITE(send_outage);

enum {
        WAITING = 300,
        TRIES = 2, /* before it is back */
        NEW = 5,
};

/* Each try is another batch's. */
static void check_tries(struct server *server)
{
        char keys[TRIES + 1][64];

        for (size_t i = 0; i <= TRIES; i++) {
                snprintf(keys[i], sizeof(keys[i]), "%s", request_header(server_request(server, i), "Idempotency-Key"));
                for (size_t k = 0; k < i; k++)
                        cr_assert_str_neq(keys[i], keys[k]);
        }
}

/* One answer ends the outage for all that wait, those that were tried in it included, whatever new ones come first. */
static void drain(const char *spool)
{
        /* By the second try there has to be more than the one batch, on the slowest of disks. */
        static const struct step steps[TRIES + 1] = { { .status = "503 Service Unavailable",
                                                        .headers = "Retry-After: 1\r\n" },
                                                      { .status = "503 Service Unavailable" },
                                                      OK };
        struct server *server = server_start(0, steps, TRIES + 1);
        struct said said = { 0 };
        struct send *send = open_with((struct send_config){ .spool = spool }, server_port(server), &said);

        for (size_t i = 0; i < WAITING; i++)
                send_one(send, "waited");
        wait_until(&said.ups);
        for (size_t i = 0; i < NEW; i++)
                send_one(send, "new");

        struct send_counters c = wait_for_end(send, WAITING + NEW);
        cr_assert_eq(c.delivered, WAITING + NEW);
        cr_assert_eq(c.retried, TRIES);
        cr_assert_eq(c.waiting + c.spool_files, 0);
        cr_assert_eq(server_requests(server), WAITING + NEW + TRIES);
        check_tries(server);
        cr_assert_eq(send_close(send, 1000), 0);
        cr_assert_eq(said.downs, 1);
        cr_assert_eq(said.ups, 1);
        server_stop(server);
}

Test(send_outage, all_is_sent_from_memory)
{
        drain(NULL);
}

Test(send_outage, all_is_sent_from_disk)
{
        char spool[64];

        make_directory(spool);
        drain(spool);
        remove_directory(spool);
}
