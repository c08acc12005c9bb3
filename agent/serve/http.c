/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libmicrohttpd. It calls on_request() once when the
 * headers are there, then with each part of the body, then once more without:
 * that is when an answer can be given, so what is wrong with a request is noted
 * first and the rest of it read and thrown away.
 *
 * All senders together may hold so much memory and no more.
 */
#include "agent/serve/serve.h"
#include "agent/format/format.h"
#include "agent/serve/token.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX     128
#define IDLE_TIMEOUT_S      30
#define HEADERS_MAX_BYTES   (32 << 10)
#define BODIES_UNDER_WAY    4 /* of the largest size, at the same time */
#define CLOSING_MAX_S       3

/* Answers from here on are worth compressing. */
#define GZIP_MIN_BYTES 1024

struct serve {
        struct MHD_Daemon *daemon;
        struct serve_config config;
        _Atomic size_t held; /* bytes of bodies */

        pthread_mutex_t lock;
        pthread_cond_t idle;
        unsigned active; /* requests under way */
};

struct serve_request {
        struct serve *serve;
        struct MHD_Connection *connection;
        const struct serve_route *route;
        unsigned refused; /* status; 0: not */
        const char *sentence;
        char *body;
        size_t len, size, thrown_away;
        bool too_large; /* by what its headers say of it */
};

/* ---- what routes see ------------------------------------------------------ */

const char *serve_request_parameter(const struct serve_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *serve_request_header(const struct serve_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const void *serve_request_body(const struct serve_request *request, size_t *ret_len)
{
        *ret_len = request->len;
        return request->body;
}

/* ---- answering ------------------------------------------------------------ */

/* Compresses in place; an answer that cannot be is sent as it is. */
static bool compress(struct serve_answer *answer)
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

static void add_headers(struct MHD_Response *response, const struct serve_answer *answer)
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
static enum MHD_Result send_answer(const struct serve_request *request, struct serve_answer *answer)
{
        const char *accepted = serve_request_header(request, "Accept-Encoding");
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

static enum MHD_Result give_answer(const struct serve_request *request)
{
        struct serve_answer answer = { 0 };

        if (request->refused)
                request->serve->config.refuse(&answer, request->refused, request->sentence);
        else
                request->route->answer(request->serve->config.ctx, request, &answer);
        return send_answer(request, &answer);
}

/* ---- reading -------------------------------------------------------------- */

/* The first thing that is wrong is what is told. */
static void refuse(struct serve_request *request, unsigned status, const char *sentence)
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

static void find_route(struct serve_request *request, const char *method, const char *path)
{
        const struct serve_config *config = &request->serve->config;

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

static void check(struct serve_request *request, const char *method, const char *path)
{
        const char *authorization = serve_request_header(request, "Authorization");
        const char *length = serve_request_header(request, "Content-Length");
        const char *token = request->serve->config.token;

        request->too_large = length && strtoull(length, NULL, 10) > request->serve->config.body_max;
        find_route(request, method, path);
        if (request->refused)
                return;
        if (token && !request->route->open && !serve_token_matches(token, authorization))
                refuse(request, MHD_HTTP_UNAUTHORIZED, "the bearer token is missing or wrong");
        if (request->too_large)
                refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
}

static bool make_room(struct serve_request *request, size_t more)
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

static void take(struct serve_request *request, const char *data, size_t len)
{
        struct serve *serve = request->serve;
        size_t most = serve->config.body_max * BODIES_UNDER_WAY;

        if (len > serve->config.body_max - request->len) {
                refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        } else if (atomic_fetch_add(&serve->held, len) + len > most || !make_room(request, len)) {
                atomic_fetch_sub(&serve->held, len);
                refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is being sent at the moment");
        } else {
                memcpy(request->body + request->len, data, len);
                request->len += len;
        }
}

/* MHD_NO closes the connection: a refused body that goes on for ever. */
static enum MHD_Result read_part(struct serve_request *request, const char *data, size_t len)
{
        if (!request->refused)
                take(request, data, len);
        if (request->refused)
                request->thrown_away += len;
        return request->thrown_away <= request->serve->config.body_max ? MHD_YES : MHD_NO;
}

/* ---- MHD's callbacks ------------------------------------------------------ */

static enum MHD_Result start_request(struct serve *serve, struct MHD_Connection *connection, const char *method,
                                     const char *path, void **ret)
{
        struct serve_request *request = calloc(1, sizeof(*request));

        if (!request)
                return MHD_NO;
        pthread_mutex_lock(&serve->lock);
        serve->active++;
        pthread_mutex_unlock(&serve->lock);
        request->serve = serve;
        request->connection = connection;
        *ret = request;
        check(request, method, path);
        /* Such a body is not waited for; libmicrohttpd closes the connection after the answer. */
        return request->too_large ? give_answer(request) : MHD_YES;
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
        struct serve *serve = ctx;
        struct serve_request *request = *state;

        (void)connection;
        (void)why;
        if (!request)
                return;
        atomic_fetch_sub(&serve->held, request->len);
        free(request->body);
        free(request);
        *state = NULL;
        pthread_mutex_lock(&serve->lock);
        if (--serve->active == 0)
                pthread_cond_signal(&serve->idle);
        pthread_mutex_unlock(&serve->lock);
}

/* ---- opening and closing -------------------------------------------------- */

int serve_open(const struct serve_config *config, struct serve **ret)
{
        struct serve *serve = calloc(1, sizeof(*serve));
        sigset_t all, old;

        if (!serve) {
                close(config->listen_fd);
                return -ENOMEM;
        }
        serve->config = *config;
        pthread_mutex_init(&serve->lock, NULL);
        pthread_cond_init(&serve->idle, NULL);
        /* Signals are for the main thread, but for the one that says which system call was refused: see confine. */
        sigfillset(&all);
        sigdelset(&all, SIGSYS);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        serve->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                                        on_request, serve,
                                        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)config->listen_fd,
                                        MHD_OPTION_NOTIFY_COMPLETED, on_end, serve,
                                        MHD_OPTION_THREAD_POOL_SIZE, config->threads,
                                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
                                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX_BYTES,
                                        MHD_OPTION_END);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (!serve->daemon) {
                close(config->listen_fd);
                serve_close(serve);
                return -EIO;
        }
        *ret = serve;
        return 0;
}

static void wait_until_idle(struct serve *serve)
{
        struct timespec until;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += CLOSING_MAX_S;
        pthread_mutex_lock(&serve->lock);
        while (serve->active > 0 && r == 0)
                r = pthread_cond_timedwait(&serve->idle, &serve->lock, &until);
        pthread_mutex_unlock(&serve->lock);
}

void serve_close(struct serve *serve)
{
        if (!serve)
                return;
        if (serve->daemon) {
                MHD_socket fd = MHD_quiesce_daemon(serve->daemon);

                wait_until_idle(serve);
                MHD_stop_daemon(serve->daemon);
                if (fd != MHD_INVALID_SOCKET)
                        close(fd);
        }
        pthread_cond_destroy(&serve->idle);
        pthread_mutex_destroy(&serve->lock);
        free(serve);
}
