/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

/*
 * The server: HTTP for whoever has something to tell. It listens, reads
 * requests whole, asks who may, calls a route, sends its answer. What is asked
 * and answered is known to the routes only.
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

/* A listening socket at "ADDR:PORT", "[v6]:PORT"; port 0 picks one. Each error with a sentence in @reason. */
int http_server_listen(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size);

/* The port of a listening socket; 0: it has none. */
uint16_t http_server_port(int fd);

/* Whether a listening socket can be reached from this machine only. */
bool http_server_is_local(int fd);

/* The bearer token in the one line of a file; malloc. -errno with a @reason. */
int http_server_token_read(const char *path, char **ret, char *reason, size_t reason_size);

/* ---- routes --------------------------------------------------------------- */

/* Lives until the route returns. */
struct http_request;

const char *http_request_parameter(const struct http_request *request, const char *name); /* NULL: none */
const char *http_request_header(const struct http_request *request, const char *name);    /* NULL: none */
const void *http_request_body(const struct http_request *request, size_t *ret_len);

struct http_answer {
        unsigned status;
        const char *type; /* of the content; static */
        char *policy;     /* Content-Security-Policy, malloc; NULL: nothing is allowed */
        char *body;       /* malloc; NULL: out of memory */
        size_t len;
};

/* Each has threads and places of its own: what goes on in one does not keep the others waiting. */
enum http_lane {
        HTTP_LANE_READS,
        HTTP_LANE_WRITES, /* one thread: one request at a time */
        HTTP_LANE_PROBES, /* one thread, for what is answered at once; a body is not waited for */
        HTTP_LANES,
};

struct http_route {
        const char *method, *path; /* a path belongs to one lane */
        enum http_lane lane;
        bool open;   /* without a token */
        bool linked; /* a link on another site may lead here: the answer is the same for everybody */
        void (*answer)(void *ctx, const struct http_request *request, struct http_answer *ret);
};

struct http_server_config {
        int listen_fd;     /* consumed, also on failure */
        const char *token; /* NULL: none is wanted; to outlive the server */
        unsigned threads;  /* that answer HTTP_LANE_READS: 1 to 6 */
        size_t body_max;   /* bytes, as it comes, compressed; of all requests under way four times as many */
        const struct http_route *routes;
        size_t routes_n;
        void *ctx; /* of the routes, which are called from several threads at once */
        /* Fills @ret with a status and a sentence, in the form that the routes have for errors. */
        void (*refuse)(struct http_answer *ret, unsigned status, const char *sentence);
        /* Is told what whoever runs the server should know, from any thread; NULL: nobody is. */
        void (*note)(const char *sentence);
};

/* ---- the server ----------------------------------------------------------- */

/*
 * What is asked of it, and by how many, is bounded:
 *   - A connection is for one request. Its head has 5 s, its body 30 s, taking the answer 60 s, whatever trickles.
 *   - 128 connections may wait for their head, 32 of one address (of IPv6: of one /64); the oldest make place for new
 *     ones. Each lane takes 64 requests, 16 of one address; others get 503.
 *   - A head may have 16 KiB, bodies see body_max, answers that wait to be taken 32 MiB all in all.
 *   - On loopback without a token it is only asked by this machine's own names (421: a name that leads here is not one
 *     of them). A page of another site or origin may not ask at all (403).
 *   - A wrong token is answered after a second.
 */
struct http_server;

/* Its threads take no signals but SIGSYS, which is never another's. */
int http_server_open(const struct http_server_config *config, struct http_server **ret);

/* Takes no more connections, finishes the requests under way (some seconds at most). Accepts NULL. */
void http_server_close(struct http_server *serve);

#endif
