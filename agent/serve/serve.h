/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVE_H
#define SERVE_H

/*
 * serve: an HTTP server for whoever has something to tell. It listens, reads
 * requests whole, asks who may, calls a route, sends its answer. What is asked
 * and answered is known to the routes only.
 *
 * Errors: negative -errno, positive serve_error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum serve_error {
        SERVE_E_ADDRESS = 1, /* not ADDR:PORT */
        SERVE_E_IN_USE,      /* the port is taken */
};

/* A listening socket at "ADDR:PORT", "[v6]:PORT"; port 0 picks one. Each error with a sentence in @reason. */
int serve_listen(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size);

/* Whether a listening socket can be reached from this machine only. */
bool serve_is_local(int fd);

/* The bearer token in the one line of a file; malloc. -errno with a @reason. */
int serve_token_read(const char *path, char **ret, char *reason, size_t reason_size);

/* ---- routes --------------------------------------------------------------- */

/* Lives until the route returns. */
struct serve_request;

const char *serve_request_parameter(const struct serve_request *request, const char *name); /* NULL: none */
const char *serve_request_header(const struct serve_request *request, const char *name);    /* NULL: none */
const void *serve_request_body(const struct serve_request *request, size_t *ret_len);

struct serve_answer {
        unsigned status;
        const char *type;   /* of the content; static */
        char *policy;       /* Content-Security-Policy, malloc; NULL: nothing is allowed */
        char *body;         /* malloc; NULL: out of memory */
        size_t len;
};

struct serve_route {
        const char *method, *path;
        bool open; /* without a token */
        void (*answer)(void *ctx, const struct serve_request *request, struct serve_answer *ret);
};

struct serve_config {
        int listen_fd;     /* consumed, also on failure */
        const char *token; /* NULL: none is wanted; to outlive the server */
        unsigned threads;
        size_t body_max;   /* bytes, as it comes, compressed; of all requests under way four times as many */
        const struct serve_route *routes;
        size_t routes_n;
        void *ctx; /* of the routes, which are called from several threads at once */
        /* Fills @ret with a status and a sentence, in the form that the routes have for errors. */
        void (*refuse)(struct serve_answer *ret, unsigned status, const char *sentence);
};

/* ---- the server ----------------------------------------------------------- */

struct serve;

/* Its threads take no signals but SIGSYS, which is never another's. */
int serve_open(const struct serve_config *config, struct serve **ret);

/* Takes no more connections, finishes the requests under way (some seconds at most). Accepts NULL. */
void serve_close(struct serve *serve);

#endif
