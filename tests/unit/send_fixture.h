/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SEND_FIXTURE_H
#define TESTS_SEND_FIXTURE_H

#include "agent/send/send.h"
#include "tests/unit/send_server.h"

#define OK { .status = "200 OK", .body = "{}" }

/* What the callbacks said. */
struct said {
        unsigned downs, ups, rejections;
        char reason[512];
};

/* A sender to @port of loopback; @said is to outlive it. */
struct send *open_at(uint16_t port, size_t max_bytes, struct said *said);

/* Adds a profile of one stack, of @function, to @set. */
void make_set(struct profile_set *set, const char *function);
void send_one(struct send *send, const char *function);

int64_t now_ms(void);

/* Waits until @n batches were delivered or rejected; fails the test if that does not happen. */
struct send_counters wait_for_end(struct send *send, uint64_t n);

/* Waits until one of said's counters is not 0. */
void wait_until(const unsigned *flag);

#endif
