/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libmicrohttpd. It calls on_request() once when the
 * headers are there, then with each part of the body, then once more without:
 * that is when an answer can be given, so what is wrong with a request is noted
 * first and the rest of it read and thrown away.
 *
 * All senders together may hold so much memory and no more.
 */
#include "agent/collect/http.h"
#include "agent/collect/json.h"
#include "agent/collect/token.h"
#include "agent/format/format.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS             4
#define CONNECTIONS_MAX     128
#define IDLE_TIMEOUT_S      30
#define HEADERS_MAX_BYTES   (32 << 10)
#define BODY_MAX_BYTES      ((size_t)16 << 20) /* as it comes, compressed */
#define BODIES_MAX_BYTES    ((size_t)64 << 20) /* of all requests under way */
#define CLOSING_MAX_S       3

/* Answers from here on are worth compressing. */
#define GZIP_MIN_BYTES 1024

struct collect_http {
        struct MHD_Daemon *daemon;
        struct collect_http_config config;
        _Atomic size_t held; /* bytes of bodies */

        pthread_mutex_t lock;
        pthread_cond_t idle;
        unsigned active; /* requests under way */
};

struct collect_request {
        struct collect_http *http;
        struct MHD_Connection *connection;
        const struct collect_route *route;
        unsigned refused; /* status; 0: not */
        const char *sentence;
        char *body;
        size_t len, size, thrown_away;
};

/* ---- what routes see ------------------------------------------------------ */

const char *collect_request_parameter(const struct collect_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *collect_request_header(const struct collect_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const void *collect_request_body(const struct collect_request *request, size_t *ret_len)
{
        *ret_len = request->len;
        return request->body;
}

void collect_refuse(struct collect_answer *ret, unsigned status, const char *sentence)
{
        char *body = collect_json_error(status, sentence);

        *ret = (struct collect_answer){
                .status = status,
                .type = "application/json",
                .body = body,
                .len = body ? strlen(body) : 0,
        };
}

/* ---- answering ------------------------------------------------------------ */

/* Compresses in place; an answer that cannot be is sent as it is. */
static bool compress(struct collect_answer *answer)
{
        void *packed;
        size_t len;

        if (format_gzip(answer->body, answer->len, &packed, &len) < 0)
                return false;
        free(answer->body);
        answer->body = packed;
        answer->len = len;
        return true;
}

static void add_headers(struct MHD_Response *response, const struct collect_answer *answer)
{
        const char *const headers[][2] = {
                { "Content-Type", answer->type },
                { "Content-Security-Policy", answer->policy ? answer->policy : "default-src 'none'" },
                { "X-Content-Type-Options", "nosniff" },
                { "Referrer-Policy", "no-referrer" },
                { "Cache-Control", "no-store" },
                { "Vary", "Accept-Encoding" },
        };

        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                MHD_add_response_header(response, headers[i][0], headers[i][1]);
        if (answer->status == MHD_HTTP_UNAUTHORIZED)
                MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"podflame\"");
        if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
                MHD_add_response_header(response, "Retry-After", "1");
}

/* Consumes what @answer holds. */
static enum MHD_Result send_answer(const struct collect_request *request, struct collect_answer *answer)
{
        const char *accepted = collect_request_header(request, "Accept-Encoding");
        bool compressed = answer->body && answer->len >= GZIP_MIN_BYTES && accepted && strstr(accepted, "gzip") &&
                          compress(answer);
        enum MHD_Result result = MHD_NO;
        struct MHD_Response *response = NULL;

        if (answer->body)
                response = MHD_create_response_from_buffer(answer->len, answer->body, MHD_RESPMEM_MUST_FREE);
        if (response) {
                add_headers(response, answer);
                if (compressed)
                        MHD_add_response_header(response, "Content-Encoding", "gzip");
                if (request->refused == MHD_HTTP_METHOD_NOT_ALLOWED)
                        MHD_add_response_header(response, "Allow", request->route->method);
                result = MHD_queue_response(request->connection, answer->status, response);
                MHD_destroy_response(response);
        } else {
                free(answer->body);
        }
        free(answer->policy);
        return result;
}

static enum MHD_Result give_answer(const struct collect_request *request)
{
        struct collect_answer answer = { 0 };

        if (request->refused)
                collect_refuse(&answer, request->refused, request->sentence);
        else
                request->route->answer(request->http->config.ctx, request, &answer);
        return send_answer(request, &answer);
}

/* ---- reading -------------------------------------------------------------- */

/* The first thing that is wrong is what is told. */
static void refuse(struct collect_request *request, unsigned status, const char *sentence)
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

static void find_route(struct collect_request *request, const char *method, const char *path)
{
        const struct collect_http_config *config = &request->http->config;

        for (size_t i = 0; i < config->routes_n; i++) {
                if (strcmp(config->routes[i].path, path) != 0)
                        continue;
                request->route = &config->routes[i];
                if (is_method(method, config->routes[i].method))
                        return;
        }
        if (request->route)
                refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "this path is not for that method");
        else
                refuse(request, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
}

static void check(struct collect_request *request, const char *method, const char *path)
{
        const char *authorization = collect_request_header(request, "Authorization");
        const char *length = collect_request_header(request, "Content-Length");
        const char *token = request->http->config.token;

        find_route(request, method, path);
        if (request->refused)
                return;
        if (token && !request->route->open && !collect_token_matches(token, authorization))
                refuse(request, MHD_HTTP_UNAUTHORIZED, "the bearer token is missing or wrong");
        if (length && strtoull(length, NULL, 10) > BODY_MAX_BYTES)
                refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than 16 MiB");
}

static bool make_room(struct collect_request *request, size_t more)
{
        size_t size = request->size > 0 ? request->size : 4096;
        char *body;

        while (size - request->len < more)
                size *= 2;
        if (size == request->size)
                return true;
        body = realloc(request->body, size);
        if (!body)
                return false;
        request->body = body;
        request->size = size;
        return true;
}

static void take(struct collect_request *request, const char *data, size_t len)
{
        struct collect_http *http = request->http;

        if (len > BODY_MAX_BYTES - request->len) {
                refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than 16 MiB");
        } else if (atomic_fetch_add(&http->held, len) + len > BODIES_MAX_BYTES || !make_room(request, len)) {
                atomic_fetch_sub(&http->held, len);
                refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is being sent at the moment");
        } else {
                memcpy(request->body + request->len, data, len);
                request->len += len;
        }
}

/* MHD_NO closes the connection: a refused body that goes on for ever. */
static enum MHD_Result read_part(struct collect_request *request, const char *data, size_t len)
{
        if (!request->refused)
                take(request, data, len);
        if (request->refused)
                request->thrown_away += len;
        return request->thrown_away <= BODY_MAX_BYTES ? MHD_YES : MHD_NO;
}

/* ---- MHD's callbacks ------------------------------------------------------ */

static enum MHD_Result start_request(struct collect_http *http, struct MHD_Connection *connection, const char *method,
                                     const char *path, void **ret)
{
        struct collect_request *request = calloc(1, sizeof(*request));

        if (!request)
                return MHD_NO;
        pthread_mutex_lock(&http->lock);
        http->active++;
        pthread_mutex_unlock(&http->lock);
        request->http = http;
        request->connection = connection;
        *ret = request;
        check(request, method, path);
        /* Such a body is not waited for; libmicrohttpd closes the connection after the answer. */
        return request->refused == MHD_HTTP_CONTENT_TOO_LARGE ? give_answer(request) : MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *len, void **request)
{
        (void)version;
        if (!*request)
                return start_request(ctx, connection, method, path, request);
        if (*len > 0) {
                enum MHD_Result result = read_part(*request, data, *len);
                *len = 0;
                return result;
        }
        return give_answer(*request);
}

static void on_end(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
        struct collect_http *http = ctx;
        struct collect_request *request = *state;

        (void)connection;
        (void)why;
        if (!request)
                return;
        atomic_fetch_sub(&http->held, request->len);
        free(request->body);
        free(request);
        *state = NULL;
        pthread_mutex_lock(&http->lock);
        if (--http->active == 0)
                pthread_cond_signal(&http->idle);
        pthread_mutex_unlock(&http->lock);
}

/* ---- opening and closing -------------------------------------------------- */

int collect_http_open(const struct collect_http_config *config, struct collect_http **ret)
{
        struct collect_http *http = calloc(1, sizeof(*http));

        if (!http) {
                close(config->listen_fd);
                return -ENOMEM;
        }
        http->config = *config;
        pthread_mutex_init(&http->lock, NULL);
        pthread_cond_init(&http->idle, NULL);
        http->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                                        on_request, http,
                                        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)config->listen_fd,
                                        MHD_OPTION_NOTIFY_COMPLETED, on_end, http,
                                        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
                                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
                                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX_BYTES,
                                        MHD_OPTION_END);
        if (!http->daemon) {
                close(config->listen_fd);
                collect_http_close(http);
                return -EIO;
        }
        *ret = http;
        return 0;
}

static void wait_until_idle(struct collect_http *http)
{
        struct timespec until;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += CLOSING_MAX_S;
        pthread_mutex_lock(&http->lock);
        while (http->active > 0 && r == 0)
                r = pthread_cond_timedwait(&http->idle, &http->lock, &until);
        pthread_mutex_unlock(&http->lock);
}

void collect_http_close(struct collect_http *http)
{
        if (!http)
                return;
        if (http->daemon) {
                MHD_socket fd = MHD_quiesce_daemon(http->daemon);

                wait_until_idle(http);
                MHD_stop_daemon(http->daemon);
                if (fd != MHD_INVALID_SOCKET)
                        close(fd);
        }
        pthread_cond_destroy(&http->idle);
        pthread_mutex_destroy(&http->lock);
        free(http);
}
