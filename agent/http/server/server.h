/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

/*
 * The server. It listens, reads whole requests, checks who may ask, calls a route, and sends the route's answer. Only
 * the routes know what is asked and answered.
 *
 * Errors: negative -errno, positive http_server_error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_server_error {
        HTTP_SERVER_E_ADDRESS = 1, /* not ADDR:PORT */
        HTTP_SERVER_E_IN_USE,      /* the port is taken */
};

/*
 * Opens a listening socket at "ADDR:PORT" or "[v6]:PORT". Port 0 picks a free one. Each error comes with a sentence in
 * @reason.
 */
int http_server_listen(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size);

/* The port of a listening socket. 0 if it has none. */
uint16_t http_server_port(int fd);

/* Whether a listening socket can be reached from this machine only. */
bool http_server_is_local(int fd);

/* Reads the bearer token from a file of one line. @ret is allocated. -errno comes with a @reason. */
int http_server_token_read(const char *path, char **ret, char *reason, size_t reason_size);

/* ---- routes --------------------------------------------------------------- */

/* A request, valid until the route returns. */
struct http_request;

const char *http_request_parameter(const struct http_request *request, const char *name); /* NULL: none */
const char *http_request_header(const struct http_request *request, const char *name);    /* NULL: none */
/* Calls @each with every parameter, in the order of the request; a value is never NULL. Stops if it returns false. */
void http_request_parameters(const struct http_request *request,
                             bool (*each)(void *ctx, const char *name, const char *value), void *ctx);
const void *http_request_body(const struct http_request *request, size_t *ret_len);

#define HTTP_TAG_SIZE 40
struct http_answer {
        unsigned status;
        const char *type; /* media type of the content; a static string */
        char *policy;     /* Content-Security-Policy, allocated; NULL: nothing is allowed */
        char *file;       /* the name under which a browser saves the body, allocated: [A-Za-z0-9._-]; NULL: none */
        char tag[HTTP_TAG_SIZE]; /* the ETag, without quotes; "": none */
        char *body;              /* allocated; NULL: memory ran out */
        size_t len;
};

/*
 * Groups of routes. Each lane has its own threads and places, so that requests in one lane do not delay those in
 * another.
 */
enum http_lane {
        HTTP_LANE_READS,
        HTTP_LANE_WRITES, /* one thread: one request at a time */
        HTTP_LANE_PROBES, /* one thread, for answers that take no time; a body is not read */
        HTTP_LANES,
};

struct http_route {
        const char *method, *path; /* a path belongs to one lane */
        enum http_lane lane;
        bool open;   /* needs no token */
        bool linked; /* a link on another site may lead here: the answer is the same for everybody */
        void (*answer)(void *ctx, const struct http_request *request, struct http_answer *ret);
};

struct http_server_config {
        int listen_fd;     /* consumed, also on failure */
        const char *token; /* NULL: none is needed; it must outlive the server */
        unsigned threads;  /* threads of HTTP_LANE_READS: 1 to 6 */
        /* bytes of a body as it is sent, compressed or not; all bodies under way may have four times as many */
        size_t body_max;
        const struct http_route *routes;
        size_t routes_n;
        void *ctx; /* for the routes; several threads call them at once */
        /* Fills @ret with a status and a sentence, in the form that the routes have for errors. */
        void (*refuse)(struct http_answer *ret, unsigned status, const char *sentence);
        /* Gets sentences for the person who runs the server, from any thread. NULL: nobody gets them. */
        void (*note)(const char *sentence);
};

/* ---- the server ----------------------------------------------------------- */

/*
 * Requests and connections are bounded:
 *   - A connection is for one request. Its head has 5 s, its body 30 s, taking the answer 60 s, even if bytes trickle.
 *   - 128 connections may wait for their head, 32 of one address (of IPv6: of one /64). The oldest make place for new
 *     ones. Each lane takes 64 requests, 16 of one address; others get 503.
 *   - A head may have 16 KiB, a body body_max bytes. All answers that wait to be taken may have 32 MiB together.
 *   - On loopback without a token a request must name one of this machine's own names, or it gets 421: another name
 *     leads here too. A page of another site or origin may not ask at all (403).
 *   - The answer to a wrong token comes after a second.
 */
struct http_server;

/* Opens a server. Its threads take no signals but SIGSYS, which is never another thread's. */
int http_server_open(const struct http_server_config *config, struct http_server **ret);

/* Accepts no more connections and finishes the requests under way, which takes some seconds at most. Accepts NULL. */
void http_server_close(struct http_server *serve);

#endif
