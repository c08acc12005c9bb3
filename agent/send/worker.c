/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A destination as a whole: its queue, its spool, its thread. Encoded bodies
 * come in on the caller's thread, which also writes them to the spool, outside of
 * the lock: a slow disk holds up the caller, not the sending.
 */
#include "agent/send/clock.h"
#include "agent/send/worker_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define QUEUE_DEFAULT_BYTES ((size_t)64 << 20)
#define SPOOL_DEFAULT_BYTES ((size_t)256 << 20)

/* ---- starting and stopping ----------------------------------------------- */

/* Signals are for the main thread. */
static int start_thread(struct send_worker *worker)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        sigdelset(&all, SIGSYS); /* the kernel ends a thread that blocks it and makes a call it may not */
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&worker->thread, NULL, send_worker_run, worker);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

static void worker_free(struct send_worker *worker)
{
        if (!worker)
                return;
        send_queue_deinit(&worker->queue);
        send_spool_close(worker->spool);
        http_client_close(worker->client);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
}

static int worker_new(const struct send_config *config, struct send_worker **ret)
{
        const struct send_protocol *protocol = send_protocol_by_name(config->protocol);
        struct send_worker *worker;
        pthread_condattr_t attributes;

        if (!protocol)
                return http_client_refuse(&config->client, SEND_E_PROTOCOL, "there is no protocol '%.64s'", config->protocol);
        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;
        worker->protocol = protocol;
        worker->config = (struct send_config){
                .uncompressed = config->uncompressed,
                .on_state = config->on_state,
                .on_rejected = config->on_rejected,
                .ctx = config->ctx,
        };
        worker->stop_at_ms = INT64_MAX;
        worker->queue.max_bytes = config->queue_max_bytes ? config->queue_max_bytes : QUEUE_DEFAULT_BYTES;
        worker->queue.max_spool_bytes = config->spool_max_bytes ? config->spool_max_bytes : SPOOL_DEFAULT_BYTES;
        worker->queue.max_age_ms = (int64_t)(config->max_age_s ? config->max_age_s : protocol->max_age_s) * 1000;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->wake, &attributes);
        pthread_condattr_destroy(&attributes);
        *ret = worker;
        return 0;
}

static int open_client(struct send_worker *worker, const struct send_config *config)
{
        struct http_client_config client = config->client;

        client.path = config->url_is_whole ? NULL : worker->protocol->path;
        return http_client_open(&client, &worker->client);
}

static int open_spool(struct send_worker *worker, const struct send_config *config)
{
        int r;

        if (!config->spool)
                return 0;
        r = send_spool_open(config, worker->protocol, http_client_url(worker->client), &worker->spool);
        if (r != 0)
                return r;
        worker->queue.spool = worker->spool;
        r = send_spool_recover(worker->spool, &worker->queue, send_now_ms());
        if (r < 0 && r != -ENOMEM)
                return http_client_refuse(&config->client, SEND_E_SPOOL, "%s: %s", config->spool, strerror(-r));
        return r;
}

int send_worker_start(const struct send_config *config, struct send_worker **ret)
{
        struct send_worker *worker = NULL;
        int r = worker_new(config, &worker);

        if (r == 0)
                r = open_client(worker, config);
        if (r == 0)
                r = open_spool(worker, config);
        if (r == 0)
                r = start_thread(worker);
        if (r != 0) {
                worker_free(worker);
                return r;
        }
        *ret = worker;
        return 0;
}

/* Locked. */
static void hurry(struct send_worker *worker)
{
        worker->gate_ms = 0;
        send_queue_hurry(&worker->queue);
        pthread_cond_signal(&worker->wake);
}

void send_worker_hurry(struct send_worker *worker)
{
        pthread_mutex_lock(&worker->lock);
        hurry(worker);
        pthread_mutex_unlock(&worker->lock);
}

/* A disk that was full may have room again. Returns how many batches it does not take; there is no other thread. */
static uint64_t commit_rest(struct send_worker *worker)
{
        struct send_batch *batch;
        uint64_t lost = 0;

        DL_FOREACH(worker->queue.batches, batch) {
                if (batch->file)
                        continue;
                if (worker->spool) {
                        send_queue_make_room(&worker->queue, send_spool_size(worker->spool, batch), true);
                        send_worker_commit(worker, batch);
                }
                worker->queue.counters.spool_bytes += batch->file;
                lost += !batch->file;
        }
        return lost;
}

uint64_t send_worker_stop(struct send_worker *worker, unsigned deadline_ms)
{
        int64_t stop_at = send_now_ms() + deadline_ms;
        uint64_t lost;

        pthread_mutex_lock(&worker->lock);
        worker->closing = true;
        worker->stop_at_ms = stop_at;
        hurry(worker);
        pthread_mutex_unlock(&worker->lock);

        http_client_stop_at(worker->client, stop_at);
        pthread_join(worker->thread, NULL);
        lost = commit_rest(worker);
        worker_free(worker);
        return lost;
}

/* ---- feeding ------------------------------------------------------------- */

const struct send_protocol *send_worker_protocol(const struct send_worker *worker)
{
        return worker->protocol;
}

bool send_worker_gzip(const struct send_worker *worker)
{
        return !worker->config.uncompressed;
}

int send_worker_push(struct send_worker *worker, void *body, size_t len)
{
        struct send_queue *queue = &worker->queue;
        int64_t now = send_now_ms();
        struct send_batch *batch;
        int r = send_batch_new(body, len, send_worker_gzip(worker), now, &batch);

        if (r < 0)
                return r;
        if (worker->spool) {
                pthread_mutex_lock(&worker->lock);
                send_queue_expire(queue, now);
                send_queue_make_room(queue, send_spool_size(worker->spool, batch), true);
                pthread_mutex_unlock(&worker->lock);
                send_worker_commit(worker, batch);
        }
        pthread_mutex_lock(&worker->lock);
        queue->counters.spool_failed += worker->spool && !batch->file;
        send_queue_add(queue, batch);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        return 0;
}

void send_worker_too_large(struct send_worker *worker)
{
        pthread_mutex_lock(&worker->lock);
        worker->queue.counters.queued++;
        worker->queue.counters.lost[SEND_LOST_TOO_LARGE]++;
        pthread_mutex_unlock(&worker->lock);
}

void send_worker_counters(struct send_worker *worker, struct send_counters *ret)
{
        const struct send_batch *oldest;

        pthread_mutex_lock(&worker->lock);
        oldest = worker->queue.batches;
        *ret = worker->queue.counters;
        ret->waiting_ms = oldest ? (uint64_t)(send_now_ms() - oldest->created_ms) : 0;
        pthread_mutex_unlock(&worker->lock);
}
