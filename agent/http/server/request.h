/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_REQUEST_H
#define HTTP_SERVER_REQUEST_H

#include "agent/http/server/server.h"

/* A request under way, as the files between libmicrohttpd and the routes see it. */
struct http_request {
        struct http_server *serve;
        struct worker *worker;
        struct MHD_Connection *connection;
        const struct http_route *route; /* NULL: none */
        unsigned refused;               /* status; 0: not */
        const char *sentence;
        bool at_once; /* its body is not waited for: libmicrohttpd closes the connection after the answer */
        char *body;
        size_t len, size, thrown_away;
        size_t answer_len; /* what it takes of the memory for answers */
};

/* The first thing that is wrong is what is told. */
void http_server_refuse(struct http_request *request, unsigned status, const char *sentence);

/* Finds the route, and what is wrong with a request by its head. */
void http_server_check(struct http_request *request, const char *method, const char *path);

/* Calls the route, or tells what is wrong: enum MHD_Result. */
int http_server_reply(struct http_request *request);

#endif
