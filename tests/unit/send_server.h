/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SEND_SERVER_H
#define TESTS_SEND_SERVER_H

#include <stddef.h>
#include <stdint.h>

/*
 * An HTTP server on loopback that does what it is told to: the n-th request gets
 * the n-th step, those after the last step the last one.
 */
enum act {
        ACT_ANSWER,   /* and the connection is kept */
        ACT_TRUNCATE, /* an answer whose body breaks off */
        ACT_BREAK,    /* the connection is closed within the status line */
        ACT_RESET,    /* the connection is reset */
        ACT_STALL,    /* nothing is said, for ever */
};

struct step {
        enum act act;
        const char *status;  /* "200 OK" */
        const char *headers; /* lines, or NULL */
        const char *body;    /* or NULL */
};

struct request {
        char head[4096]; /* request line and headers */
        char *body;
        size_t len;
};

struct server;

/* @port 0: any. Lives until the test ends. */
struct server *server_start(uint16_t port, const struct step *steps, size_t n);
uint16_t server_port(const struct server *server);

/* Waits (5 s at most) for the @n-th request, from 0; fails the test if it does not come. */
const struct request *server_request(struct server *server, size_t n);
size_t server_requests(struct server *server);
size_t server_connections(struct server *server);

/* The value of a header; "(none)" if it is missing. The test's process owns it. */
const char *request_header(const struct request *request, const char *name);

void server_stop(struct server *server);

#endif
