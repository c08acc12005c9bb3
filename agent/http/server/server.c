/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callbacks of libmicrohttpd. It calls on_request() once when the headers have come, then with each part of the
 * body, then once more without a part. An answer can be given only in that last call. So a refusal is noted first, and
 * the rest of the request is read and dropped.
 *
 * The memory for the bodies of all requests together is bounded.
 */
#include "agent/http/server/internal.h"
#include "agent/http/server/request.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL_BYTES (32 << 10) /* bytes of a connection, for its headers and what libmicrohttpd makes of them */
#define BODIES_UNDER_WAY 4    /* bodies of the largest size at the same time */
#define CLOSING_MAX_S 3

/* The log is told about wrong tokens at most once in this time. */
#define WRONG_SAID_EVERY_MS 600000

/* ---- what routes see ------------------------------------------------------ */

const char *http_request_parameter(const struct http_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct each_parameter {
        bool (*each)(void *ctx, const char *name, const char *value);
        void *ctx;
};

static enum MHD_Result visit_parameter(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
        const struct each_parameter *each = ctx;

        (void)kind;
        return each->each(each->ctx, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void http_request_parameters(const struct http_request *request,
                             bool (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
        struct each_parameter visit = { .each = each, .ctx = ctx };

        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, visit_parameter, &visit);
}

const void *http_request_body(const struct http_request *request, size_t *ret_len)
{
        *ret_len = request->len;
        return request->body;
}

/* ---- reading -------------------------------------------------------------- */

/* Makes room for @more bytes of a body. It counts the bytes that are allocated. */
static bool reserve_body(struct http_request *request, size_t more)
{
        size_t size = request->size > 0 ? request->size : 4096,
               most = request->serve->config.body_max * BODIES_UNDER_WAY;
        char *body;

        while (size - request->len < more)
                size *= 2;
        if (size == request->size)
                return true;
        if (atomic_fetch_add(&request->serve->body_bytes, size - request->size) + size - request->size > most)
                body = NULL;
        else
                body = realloc(request->body, size);
        if (!body) {
                atomic_fetch_sub(&request->serve->body_bytes, size - request->size);
                return false;
        }
        request->body = body;
        request->size = size;
        return true;
}

static void take_body_part(struct http_request *request, const char *data, size_t len)
{
        if (len > request->serve->config.body_max - request->len) {
                http_server_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        } else if (!reserve_body(request, len)) {
                http_server_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is being sent at the moment");
        } else {
                memcpy(request->body + request->len, data, len);
                request->len += len;
        }
}

/* Reads a part of the body. MHD_NO closes the connection if a refused body goes on for ever. */
static enum MHD_Result read_body_part(struct http_request *request, const char *data, size_t len)
{
        if (!request->refused)
                take_body_part(request, data, len);
        if (request->refused)
                request->thrown_away += len;
        return request->thrown_away <= request->serve->config.body_max ? MHD_YES : MHD_NO;
}

/* ---- time ----------------------------------------------------------------- */

/* The lock is held. */
static struct guest *guest_of(struct http_server *serve, struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        return info ? guests_find(&serve->guests, info->connect_fd, true) : NULL;
}

static void set_guest_time(const struct http_request *request, uint64_t until_ms)
{
        struct http_server *serve = request->serve;
        struct guest *guest;

        pthread_mutex_lock(&serve->lock);
        guest = guest_of(serve, request->connection);
        if (guest)
                guest->until_ms = until_ms;
        pthread_mutex_unlock(&serve->lock);
}

/* Calls the route. Its time does not count for the guest's deadline, but the time to take the answer does. */
static enum MHD_Result give_answer(struct http_request *request)
{
        set_guest_time(request, 0);
        int result = http_server_reply(request);
        set_guest_time(request, http_server_now_ms() + ANSWER_MS);
        return (enum MHD_Result)result;
}

/* Counts a wrong token. The caller holds the lock. @sentence is for the log, or "" if nothing is to be logged. */
static void count_wrong_token(struct http_server *serve, const char *address, char *sentence, size_t size)
{
        uint64_t now = http_server_now_ms();

        serve->wrong_n++;
        if (serve->wrong_said_ms > 0 && now < serve->wrong_said_ms + WRONG_SAID_EVERY_MS)
                return;
        snprintf(sentence, size,
                 "%s asks with a wrong token (%llu wrong ones since this was last said; it is said every "
                 "10 minutes at most)",
                 address, (unsigned long long)serve->wrong_n);
        serve->wrong_said_ms = now;
        serve->wrong_n = 0;
}

static void put_answer_off(struct http_request *request)
{
        struct http_server *serve = request->serve;
        char sentence[256] = "";
        struct guest *guest;

        pthread_mutex_lock(&serve->lock);
        guest = guest_of(serve, request->connection);
        if (guest) {
                count_wrong_token(serve, guest->address, sentence, sizeof(sentence));
                if (!atomic_load(&serve->closing)) {
                        guest->waiting = request->connection;
                        guest->until_ms = http_server_now_ms() + WRONG_TOKEN_MS;
                        MHD_suspend_connection(request->connection);
                }
        }
        pthread_mutex_unlock(&serve->lock);
        if (*sentence && serve->config.note)
                serve->config.note(sentence);
}

/* ---- MHD's callbacks ------------------------------------------------------ */

static enum MHD_Result start_request(struct worker *worker, struct MHD_Connection *connection, const char *method,
                                     const char *path, void **ret)
{
        struct http_request *request = calloc(1, sizeof(*request));

        if (!request)
                return MHD_NO;
        request->serve = worker->serve;
        request->worker = worker;
        request->connection = connection;
        *ret = request;
        http_server_check(request, method, path);
        if (request->refused == MHD_HTTP_UNAUTHORIZED && http_request_header(request, "Authorization")) {
                put_answer_off(request);
                return MHD_YES;
        }
        return request->at_once ? give_answer(request) : MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *len, void **request)
{
        (void)version;
        if (!*request)
                return start_request(ctx, connection, method, path, request);
        if (*len > 0) {
                enum MHD_Result result = read_body_part(*request, data, *len);
                *len = 0;
                return result;
        }
        return give_answer(*request);
}

static void on_end(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
        struct worker *worker = ctx;
        struct http_request *request = *state;

        (void)connection;
        (void)why;
        if (!request)
                return;
        atomic_fetch_sub(&worker->serve->body_bytes, request->size);
        atomic_fetch_sub(&worker->serve->answered, request->answer_len);
        free(request->body);
        free(request);
        *state = NULL;
}

/* libmicrohttpd calls this before it closes the descriptor. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
        struct worker *worker = ctx;
        struct http_server *serve = worker->serve;
        struct guest *guest;

        (void)state;
        if (what != MHD_CONNECTION_NOTIFY_CLOSED)
                return;
        pthread_mutex_lock(&serve->lock);
        guest = guest_of(serve, connection);
        if (guest)
                guests_remove(&serve->guests, guest);
        if (serve->guests.inside == 0)
                pthread_cond_signal(&serve->idle);
        pthread_mutex_unlock(&serve->lock);
}

/* ---- workers -------------------------------------------------------------- */

static int start_worker(struct http_server *serve, enum http_lane lane)
{
        struct worker *worker = &serve->workers[serve->workers_n];

        *worker = (struct worker){ .serve = serve, .lane = lane };
        worker->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                                                  MHD_ALLOW_SUSPEND_RESUME,
                                          0, NULL, NULL, on_request, worker, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                          worker, MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker,
                                          MHD_OPTION_CONNECTION_LIMIT, (unsigned)(2 * GUESTS_INSIDE_MAX),
                                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_END);
        if (!worker->daemon)
                return -EIO;
        serve->workers_n++;
        return 0;
}

static bool is_used(const struct http_server *serve, enum http_lane lane)
{
        for (size_t i = 0; i < serve->config.routes_n; i++) {
                if (serve->config.routes[i].lane == lane)
                        return true;
        }
        return lane == HTTP_LANE_READS;
}

static int start_workers(struct http_server *serve)
{
        const unsigned wanted[HTTP_LANES] = {
                [HTTP_LANE_READS] = serve->config.threads, [HTTP_LANE_WRITES] = 1, [HTTP_LANE_PROBES] = 1
        };
        int r = 0;

        for (enum http_lane lane = 0; lane < HTTP_LANES; lane++)
                for (unsigned i = 0; r == 0 && is_used(serve, lane) && i < wanted[lane]; i++)
                        r = serve->workers_n < WORKERS_MAX ? start_worker(serve, lane) : -EINVAL;
        return r;
}

int http_server_worker_take(struct worker *worker, int fd, const struct sockaddr_storage *from, socklen_t len)
{
        return MHD_add_connection(worker->daemon, fd, (const struct sockaddr *)from, len) == MHD_YES ? 0 : -EIO;
}

void http_server_worker_resume(struct MHD_Connection *connection)
{
        MHD_resume_connection(connection);
}

/* ---- opening and closing -------------------------------------------------- */

static struct http_server *serve_new(const struct http_server_config *config)
{
        struct http_server *serve = calloc(1, sizeof(*serve));
        pthread_condattr_t attributes;

        if (!serve)
                return NULL;
        serve->config = *config;
        serve->port = http_server_port(config->listen_fd);
        serve->local = !config->token && http_server_is_local(config->listen_fd);
        serve->epoll_fd = serve->wake_fd = -1;
        pthread_mutex_init(&serve->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&serve->idle, &attributes);
        pthread_condattr_destroy(&attributes);
        return serve;
}

int http_server_open(const struct http_server_config *config, struct http_server **ret)
{
        struct http_server *serve = serve_new(config);
        sigset_t all, old;
        int r;

        if (!serve) {
                close(config->listen_fd);
                return -ENOMEM;
        }
        /* The main thread takes all signals, except SIGSYS, which says which system call was refused: see confine. */
        sigfillset(&all);
        sigdelset(&all, SIGSYS);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = start_workers(serve);
        if (r == 0)
                r = http_server_acceptor_open(serve);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r < 0) {
                http_server_close(serve);
                return r;
        }
        *ret = serve;
        return 0;
}

static void wait_until_idle(struct http_server *serve)
{
        struct timespec until;
        int r = 0;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += CLOSING_MAX_S;
        pthread_mutex_lock(&serve->lock);
        while (serve->guests.inside > 0 && r == 0)
                r = pthread_cond_timedwait(&serve->idle, &serve->lock, &until);
        pthread_mutex_unlock(&serve->lock);
}

void http_server_close(struct http_server *serve)
{
        if (!serve)
                return;
        http_server_acceptor_close(serve);
        close(serve->config.listen_fd);
        wait_until_idle(serve);
        for (size_t i = 0; i < serve->workers_n; i++)
                MHD_stop_daemon(serve->workers[i].daemon);
        pthread_cond_destroy(&serve->idle);
        pthread_mutex_destroy(&serve->lock);
        free(serve);
}
