/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a request's head. */
#include "agent/http/server/internal.h"
#include "agent/http/server/origin.h"
#include "agent/http/server/request.h"
#include "agent/http/server/token.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_server_refuse(struct http_request *request, unsigned status, const char *sentence)
{
        if (request->refused)
                return;
        request->refused = status;
        request->sentence = sentence;
}

/* HEAD is a GET whose body the server leaves out. */
static bool is_method(const char *method, const char *wanted)
{
        return strcmp(method, wanted) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(wanted, "GET") == 0);
}

/*
 * Finds the route. A path that was written in another way (%68 for an h) has come to another lane, which does not have
 * the route.
 */
static void set_route(struct http_request *request, const char *method, const char *path)
{
        const struct http_server_config *config = &request->serve->config;

        for (size_t i = 0; i < config->routes_n; i++) {
                if (strcmp(config->routes[i].path, path) != 0 || config->routes[i].lane != request->worker->lane)
                        continue;
                request->route = &config->routes[i];
                if (is_method(method, config->routes[i].method))
                        return;
        }
        if (request->route)
                http_server_refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "this path is not for that method");
        else
                http_server_refuse(request, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
}

/* ---- headers that may come only once -------------------------------------------- */

struct single {
        const char *name, *value;
        unsigned n;
        bool differs;
};

static enum MHD_Result note_header_value(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
        struct single *single = ctx;

        (void)kind;
        if (strcasecmp(name, single->name) != 0 || !value)
                return MHD_YES;
        single->differs |= single->n++ > 0 && strcmp(single->value, value) != 0;
        single->value = value;
        return MHD_YES;
}

static struct single get_single_header(const struct http_request *request, const char *name)
{
        struct single single = { .name = name };

        MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_header_value, &single);
        return single;
}

/*
 * Checks what ends the body and which host is asked. If a proxy and this server differ on that, a second request could
 * be smuggled in.
 */
static void check_framing(struct http_request *request)
{
        struct single length = get_single_header(request, "Content-Length");
        struct single coding = get_single_header(request, "Transfer-Encoding");

        if (length.differs || coding.n > 1 || (length.n > 0 && coding.n > 0))
                http_server_refuse(request, MHD_HTTP_BAD_REQUEST, "the headers do not agree on the length of the body");
        else if (get_single_header(request, "Host").n > 1)
                http_server_refuse(request, MHD_HTTP_BAD_REQUEST, "there are several Host headers");
        request->at_once |= request->refused != 0;
        if (length.n > 0 && strtoull(length.value, NULL, 10) > request->serve->config.body_max)
                request->at_once = true;
}

/* ---- the asking side ------------------------------------------------------------ */

static void check_origin(struct http_request *request)
{
        const struct http_server_origin from = {
                .host = http_request_header(request, "Host"),
                .origin = http_request_header(request, "Origin"),
                .site = http_request_header(request, "Sec-Fetch-Site"),
                .mode = http_request_header(request, "Sec-Fetch-Mode"),
        };
        const struct http_server_policy policy = {
                .local = request->serve->local,
                .port = request->serve->port,
                .linked = request->route && request->route->linked,
        };
        const char *sentence;
        unsigned status = http_server_origin_check(&from, &policy, &sentence);

        if (status)
                http_server_refuse(request, status, sentence);
}

static void check_token(struct http_request *request)
{
        const char *token = request->serve->config.token;

        if (token && !request->route->open &&
            !http_server_token_matches(token, http_request_header(request, "Authorization")))
                http_server_refuse(request, MHD_HTTP_UNAUTHORIZED, "the bearer token is missing or wrong");
}

void http_server_check(struct http_request *request, const char *method, const char *path)
{
        check_framing(request);
        set_route(request, method, path);
        check_origin(request);
        if (!request->refused)
                check_token(request);
        if (request->at_once)
                http_server_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        request->at_once |= request->worker->lane == HTTP_LANE_PROBES;
}
