/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SEND_FIXTURE_H
#define TESTS_SEND_FIXTURE_H

#include "agent/send/send.h"
#include "tests/unit/send_server.h"

#define OK                                       \
        {                                        \
                .status = "200 OK", .body = "{}" \
        }

/* What the callbacks said. */
struct said {
        unsigned downs, ups, rejections;
        char reason[512];
};

/* A sender to @port of loopback; @said is to outlive it. */
struct send *open_at(uint16_t port, size_t max_bytes, struct said *said);

/* The same with more settings; url and callbacks are added to @config. @said may be NULL. */
struct send *open_with(struct send_config config, uint16_t port, struct said *said);

/* Adds a profile of one stack, of @function, to @set. */
void make_set(struct profile_set *set, const char *function);
void send_one(struct send *send, const char *function);

int64_t now_ms(void);

/* The sum of all losses. */
uint64_t lost(const struct send_counters *c);

/* Waits until @n batches were delivered or lost; fails the test if that does not happen. */
struct send_counters wait_for_end(struct send *send, uint64_t n);

/* Waits until one of said's counters is not 0. */
void wait_until(const unsigned *flag);

/* That both have the same key and body. */
void check_same(const struct request *a, const struct request *b);

/* The unpacked body as text; to be freed. */
char *unpack(const struct request *request);

/* A new directory, and its end with all that is in it. */
void make_directory(char path[static 64]);
void remove_directory(const char *path);

/* How many files there are in the folders of @spool with such a name; the first one's path. */
size_t files(const char *spool, const char *pattern, char first[static 256]);

struct send *open_spool(const char *spool, uint16_t port, struct said *said);

/* Leaves @n batches in the spool of a destination that does not take them. */
void leave(const char *spool, struct server *server, size_t n);

#endif
