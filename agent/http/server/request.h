/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SERVER_REQUEST_H
#define HTTP_SERVER_REQUEST_H

#include "agent/http/server/server.h"

/* A request under way, as seen by the files between libmicrohttpd and the routes. */
struct http_request {
        struct http_server *serve;
        struct worker *worker;
        struct MHD_Connection *connection;
        const struct http_route *route; /* NULL: none */
        unsigned refused;               /* the status that it is refused with; 0: it is not refused */
        const char *sentence;
        bool at_once; /* its body is not read: libmicrohttpd closes the connection after the answer */
        char *body;
        size_t len, size, thrown_away;
        size_t answer_len; /* bytes of its answer that are counted in the server's @answered */
};

/* Refuses a request. Only the first reason is kept. */
void http_server_refuse(struct http_request *request, unsigned status, const char *sentence);

/* Finds the route, and refuses the request if its head is wrong. */
void http_server_check(struct http_request *request, const char *method, const char *path);

/* Calls the route, or answers with the refusal. Returns an enum MHD_Result. */
int http_server_reply(struct http_request *request);

#endif
