/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server, and the last facts that it got. Probes and scrapes are answered from a copy, in threads of their own. So
 * they show when the agent's own thread is stuck, and cannot delay that thread.
 */
#include "agent/health/health.h"
#include "agent/http/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Threads for scrapes. Probes have a thread of their own. */
#define THREADS 1

/* No request needs a body. */
#define BODY_MAX_BYTES 1024

/* A part is stuck if it has not moved for this many windows and this many seconds. */
#define STUCK_WINDOWS 3
#define STUCK_MIN_S 30

struct health {
        struct health_config config;
        struct http_server *serve;
        pthread_mutex_t lock;
        struct health_facts facts;
        struct health_targets targets[HEALTH_TARGETS_MAX];
        struct health_gil_waits gil_waits;
        double told_s; /* when the last facts came, by CLOCK_MONOTONIC */
};

static double monotonic_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void health_publish(struct health *health, const struct health_facts *facts)
{
        if (!health)
                return;
        pthread_mutex_lock(&health->lock);
        health->facts = *facts;
        if (facts->n_targets > HEALTH_TARGETS_MAX)
                health->facts.n_targets = HEALTH_TARGETS_MAX;
        if (health->facts.n_targets > 0)
                memcpy(health->targets, facts->targets, health->facts.n_targets * sizeof(*health->targets));
        health->facts.targets = health->targets;
        if (facts->gil_waits) {
                health->gil_waits = *facts->gil_waits;
                health->facts.gil_waits = &health->gil_waits;
        }
        health->told_s = monotonic_s();
        pthread_mutex_unlock(&health->lock);
}

/* ---- routes --------------------------------------------------------------------- */

static void answer_text(struct http_answer *ret, unsigned status, const char *sentence)
{
        char *body = NULL;
        int len = asprintf(&body, "%s\n", sentence);

        *ret = (struct http_answer){
                .status = status,
                .type = "text/plain; charset=utf-8",
                .body = len < 0 ? NULL : body,
                .len = len < 0 ? 0 : (size_t)len,
        };
}

static void answer_metrics(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        struct health *health = ctx;
        struct health_usage usage;

        (void)request;
        health_usage_read(&usage);
        *ret = (struct http_answer){ .status = 200, .type = "text/plain; version=0.0.4; charset=utf-8" };
        pthread_mutex_lock(&health->lock);
        ret->body = health_metrics(&health->facts, &usage, health->config.destinations, health->config.n_destinations,
                                   &ret->len);
        pthread_mutex_unlock(&health->lock);
}

/* Says which part is stuck. NULL if none is. */
static const char *describe_stuck_part(struct health *health, bool *ret_ready)
{
        double limit = STUCK_WINDOWS * health->config.window_s;
        const char *what = NULL;

        pthread_mutex_lock(&health->lock);
        if (monotonic_s() - health->told_s > (limit > STUCK_MIN_S ? limit : STUCK_MIN_S))
                what = "the search for processes does not move";
        else if (health->facts.stalled >= STUCK_WINDOWS)
                what = "a reader has ticks to read and does not move";
        *ret_ready = health->facts.ready;
        pthread_mutex_unlock(&health->lock);
        return what;
}

static void answer_health(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        bool ready;
        const char *what = describe_stuck_part(ctx, &ready);

        (void)request;
        answer_text(ret, what ? 503 : 200, what ? what : "ok");
}

static void answer_ready(void *ctx, const struct http_request *request, struct http_answer *ret)
{
        bool ready;
        const char *what = describe_stuck_part(ctx, &ready);

        (void)request;
        if (!what && !ready)
                what = "the machine has not been looked at yet";
        answer_text(ret, what ? 503 : 200, what ? what : "ok");
}

static const struct http_route routes[] = {
        { .method = "GET", .path = "/metrics", .open = true, .answer = answer_metrics },
        { .method = "GET", .path = "/healthz", .lane = HTTP_LANE_PROBES, .open = true, .answer = answer_health },
        { .method = "GET", .path = "/readyz", .lane = HTTP_LANE_PROBES, .open = true, .answer = answer_ready },
};

/* ---- opening and closing ----------------------------------------------------------- */

int health_open(const struct health_config *config, struct health **ret)
{
        struct health *health = calloc(1, sizeof(*health));
        int r;

        if (!health) {
                close(config->listen_fd);
                return -ENOMEM;
        }
        health->config = *config;
        health->told_s = monotonic_s();
        health->facts.targets = health->targets;
        pthread_mutex_init(&health->lock, NULL);
        const struct http_server_config serve = {
                .listen_fd = config->listen_fd,
                .threads = THREADS,
                .body_max = BODY_MAX_BYTES,
                .routes = routes,
                .routes_n = sizeof(routes) / sizeof(*routes),
                .ctx = health,
                .refuse = answer_text,
        };
        r = http_server_open(&serve, &health->serve);
        if (r < 0) {
                health_close(health);
                return r;
        }
        *ret = health;
        return 0;
}

void health_close(struct health *health)
{
        if (!health)
                return;
        http_server_close(health->serve);
        pthread_mutex_destroy(&health->lock);
        free(health);
}
