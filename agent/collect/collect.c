/* SPDX-License-Identifier: Apache-2.0 */
/* The collector as a whole: its store, its server, and the thread that removes old samples. */
#include "agent/collect/collect.h"
#include "agent/collect/answer.h"
#include "agent/collect/api.h"
#include "agent/collect/store.h"
#include "agent/http/http.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

#define THREADS 4
#define BODY_MAX_BYTES ((size_t)8 << 20)

/* Time between two rounds of retention. */
#define RETAIN_EVERY_S 10

/* Stretches of time that are summed before the thread looks whether it is to stop: each takes some 10 ms. */
#define SUMS_AT_ONCE 10

/* A batch may come again for this time: senders keep theirs no longer. */
#define REMEMBER_S 86400

struct collect {
        struct collect_config config; /* copied; its strings are not valid any more */
        struct collect_api api;
        struct http_server *serve;
        char *token;
        uint16_t port;
        bool is_open;

        pthread_t thread;
        bool has_thread;
        pthread_mutex_t lock;
        pthread_cond_t stop;
        bool stopping;
};

/* ---- retention ------------------------------------------------------------ */

static void remove_expired(struct collect *collect)
{
        int64_t now_s = time(NULL), before_s = 0;

        if (collect->config.retain_s > 0 && (int64_t)collect->config.retain_s < now_s)
                before_s = now_s - (int64_t)collect->config.retain_s;
        /* If something cannot be removed now, the next round tries again. */
        store_retain(collect->api.store, before_s * SECOND_NS, collect->config.max_bytes,
                     (now_s - REMEMBER_S) * SECOND_NS);
}

/* Sums up some of what is not summed yet. Whether there may be more. */
static bool sum_some(struct collect *collect)
{
        unsigned n = 0;
        int r = store_sum(collect->api.store, time(NULL) * SECOND_NS, SUMS_AT_ONCE, &n);

        return r == 0 && n == SUMS_AT_ONCE;
}

static void *run_retention(void *ctx)
{
        struct collect *collect = ctx;

        pthread_mutex_lock(&collect->lock);
        while (!collect->stopping) {
                struct timespec next;
                bool more;

                pthread_mutex_unlock(&collect->lock);
                remove_expired(collect);
                more = sum_some(collect);
                pthread_mutex_lock(&collect->lock);
                clock_gettime(CLOCK_MONOTONIC, &next);
                next.tv_sec += RETAIN_EVERY_S;
                if (!collect->stopping && !more)
                        pthread_cond_timedwait(&collect->stop, &collect->lock, &next);
        }
        pthread_mutex_unlock(&collect->lock);
        return NULL;
}

static int start_retention(struct collect *collect)
{
        int r = pthread_create(&collect->thread, NULL, run_retention, collect);

        collect->has_thread = r == 0;
        return -r;
}

static void stop_retention(struct collect *collect)
{
        if (!collect->has_thread)
                return;
        pthread_mutex_lock(&collect->lock);
        collect->stopping = true;
        pthread_cond_signal(&collect->stop);
        pthread_mutex_unlock(&collect->lock);
        pthread_join(collect->thread, NULL);
}

/* ---- opening and closing -------------------------------------------------- */

static struct collect *collect_new(const struct collect_config *config)
{
        struct collect *collect = calloc(1, sizeof(*collect));
        pthread_condattr_t attributes;

        if (!collect)
                return NULL;
        collect->config = (struct collect_config){ .retain_s = config->retain_s,
                                                   .max_bytes = config->max_bytes,
                                                   .note = config->note };
        collect->api.retain_s = config->retain_s;
        pthread_mutex_init(&collect->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&collect->stop, &attributes);
        pthread_condattr_destroy(&attributes);
        return collect;
}

static int start_threads(struct collect *collect, int listen_fd)
{
        struct http_server_config config = {
                .listen_fd = listen_fd,
                .token = collect->token,
                .threads = THREADS,
                .body_max = BODY_MAX_BYTES,
                .refuse = collect_refuse,
                .note = collect->config.note,
                .routes = collect_routes,
                .routes_n = collect_routes_n,
                .ctx = &collect->api,
        };
        sigset_t all, old;
        int r;

        /* The main thread takes all signals. */
        sigfillset(&all);
        sigdelset(&all, SIGSYS);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = http_server_open(&config, &collect->serve);
        if (r == 0)
                r = start_retention(collect);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r;
}

static int listen_at(const char *address, int *ret_fd, uint16_t *ret_port, char *reason, size_t reason_size)
{
        int r = http_server_listen(address, ret_fd, ret_port, reason, reason_size);

        return r == HTTP_SERVER_E_ADDRESS ? COLLECT_E_ADDRESS : r == HTTP_SERVER_E_IN_USE ? COLLECT_E_IN_USE : r;
}

int collect_open(const struct collect_config *config, struct collect **ret, char *reason, size_t reason_size)
{
        struct collect *collect = collect_new(config);
        int fd, r = 0;

        if (reason_size > 0)
                snprintf(reason, reason_size, "out of memory");
        if (!collect)
                return -ENOMEM;
        if (config->token_file)
                r = http_server_token_read(config->token_file, &collect->token, reason, reason_size);
        if (r == 0)
                r = store_open(config->data, &collect->api.store, reason, reason_size);
        if (r == 0)
                r = listen_at(config->listen, &fd, &collect->port, reason, reason_size);
        if (r == 0) {
                collect->is_open = !collect->token && !http_server_is_local(fd);
                r = start_threads(collect, fd);
                if (r < 0)
                        snprintf(reason, reason_size, "cannot start serving: %s", strerror(-r));
        }
        if (r != 0) {
                collect_close(collect);
                return r;
        }
        *ret = collect;
        return 0;
}

uint16_t collect_port(const struct collect *collect)
{
        return collect->port;
}

bool collect_is_open(const struct collect *collect)
{
        return collect->is_open;
}

void collect_close(struct collect *collect)
{
        if (!collect)
                return;
        http_server_close(collect->serve);
        stop_retention(collect);
        store_close(collect->api.store);
        pthread_cond_destroy(&collect->stop);
        pthread_mutex_destroy(&collect->lock);
        free(collect->token);
        free(collect);
}
