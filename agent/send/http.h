/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_HTTP_H
#define SEND_HTTP_H

/* One destination, one request at a time; the connection is kept between them. */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"

/* In the place of a status when no final one came. */
enum {
        SEND_HTTP_UNREACHABLE = 0, /* no connection, broken off, or too slow */
        SEND_HTTP_UNTRUSTED = -1,  /* TLS: the peer could not be verified, or our certificate not be used */
        SEND_HTTP_STOPPED = -2,    /* send_http_stop_at() */
};

/* Of an answer's body, what is kept and what is read at most: a hostile server may send for ever. */
#define SEND_BODY_KEPT ((size_t)64 << 10)
#define SEND_BODY_READ ((size_t)4 << 20)

struct send_answer {
        long status;         /* of HTTP, or one of the above */
        int64_t retry_after; /* seconds; 0: not said */
        const char *body;    /* the first SEND_BODY_KEPT bytes; the http's, until its next request */
        size_t len;
        char error[256]; /* without a status: why */
};

struct send_http;

/* A send_error, with @config->reason, or -ENOMEM. @protocol is to outlive it. */
int send_http_open(const struct send_config *config, const struct send_protocol *protocol, struct send_http **ret);

/* Where it sends to. */
const char *send_http_url(const struct send_http *http);

/* Sends @batch, whose body is there, and waits for the answer. */
void send_http_post(struct send_http *http, const struct send_batch *batch, struct send_answer *ret);

/* Ends the request under way, and every later one, at @when_ms. From any thread. */
void send_http_stop_at(struct send_http *http, int64_t when_ms);

void send_http_close(struct send_http *http); /* accepts NULL */

#endif
