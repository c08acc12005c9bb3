/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_HTTP_H
#define COLLECT_HTTP_H

/*
 * The HTTP server: reads requests whole, asks who may, calls a route, sends its
 * answer. What is asked and answered is known to the routes only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lives until the route returns. */
struct collect_request;

const char *collect_request_parameter(const struct collect_request *request, const char *name); /* NULL: none */
const char *collect_request_header(const struct collect_request *request, const char *name);    /* NULL: none */
const void *collect_request_body(const struct collect_request *request, size_t *ret_len);

struct collect_answer {
        unsigned status;
        const char *type;   /* of the content; static */
        char *policy;       /* Content-Security-Policy, malloc; NULL: nothing is allowed */
        char *body;         /* malloc; NULL: out of memory */
        size_t len;
};

struct collect_route {
        const char *method, *path;
        bool open; /* without a token */
        void (*answer)(void *ctx, const struct collect_request *request, struct collect_answer *ret);
};

struct collect_http_config {
        int listen_fd; /* consumed, also on failure */
        const char *token; /* NULL: none is wanted; to outlive the server */
        const struct collect_route *routes;
        size_t routes_n;
        void *ctx; /* of the routes, which are called from several threads at once */
};

struct collect_http;

int collect_http_open(const struct collect_http_config *config, struct collect_http **ret);

/* Takes no more connections, finishes the requests under way (some seconds at most). Accepts NULL. */
void collect_http_close(struct collect_http *http);

/* Fills @ret with a status and a sentence, as JSON. */
void collect_refuse(struct collect_answer *ret, unsigned status, const char *sentence);

#endif
