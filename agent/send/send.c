/* SPDX-License-Identifier: Apache-2.0 */
/* A destination as a whole: its queue, its spool and its thread. */
#include "agent/send/clock.h"
#include "agent/send/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define QUEUE_DEFAULT_BYTES ((size_t)64 << 20)
#define SPOOL_DEFAULT_BYTES ((size_t)256 << 20)

/* ---- starting and stopping ----------------------------------------------- */

/* Starts the thread. The main thread takes all signals. */
static int start_thread(struct send *send)
{
        sigset_t all, old;
        int r;

        sigfillset(&all);
        sigdelset(&all, SIGSYS); /* if a thread blocks SIGSYS and makes a forbidden call, the kernel ends it */
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&send->thread, NULL, send_run, send);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

static void free_send(struct send *send)
{
        if (!send)
                return;
        send_queue_deinit(&send->queue);
        send_spool_close(send->spool);
        http_client_close(send->client);
        pthread_cond_destroy(&send->wake);
        pthread_mutex_destroy(&send->lock);
        free(send);
}

static int make_send(const struct send_config *config, struct send **ret)
{
        const struct send_protocol *protocol = send_protocol_by_name(config->protocol);
        struct send *send;
        pthread_condattr_t attributes;

        if (!protocol)
                return send_protocol_refuse(&config->client, config->protocol);
        send = calloc(1, sizeof(*send));
        if (!send)
                return -ENOMEM;
        send->protocol = protocol;
        send->config = (struct send_config){
                .uncompressed = config->uncompressed || protocol->packs_inside,
                .all_labels = config->all_labels,
                .on_state = config->on_state,
                .on_rejected = config->on_rejected,
                .ctx = config->ctx,
        };
        send->stop_at_ms = INT64_MAX;
        send->queue.max_bytes = config->queue_max_bytes ? config->queue_max_bytes : QUEUE_DEFAULT_BYTES;
        send->queue.max_spool_bytes = config->spool_max_bytes ? config->spool_max_bytes : SPOOL_DEFAULT_BYTES;
        send->queue.max_age_ms = (int64_t)(config->max_age_s ? config->max_age_s : protocol->max_age_s) * 1000;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_mutex_init(&send->lock, NULL);
        pthread_cond_init(&send->wake, &attributes);
        pthread_condattr_destroy(&attributes);
        *ret = send;
        return 0;
}

static int open_client(struct send *send, const struct send_config *config)
{
        struct http_client_config client = config->client;

        client.path = config->url_is_whole ? NULL : send->protocol->path;
        return http_client_open(&client, &send->client);
}

static int open_spool(struct send *send, const struct send_config *config)
{
        int r;

        if (!config->spool)
                return 0;
        r = send_spool_open(config, send->protocol, http_client_url(send->client), &send->spool);
        if (r != 0)
                return r;
        send->queue.spool = send->spool;
        r = send_spool_recover(send->spool, &send->queue, send_now_ms());
        if (r < 0 && r != -ENOMEM)
                return http_client_refuse(&config->client, SEND_E_SPOOL, "%s: %s", config->spool, strerror(-r));
        return r;
}

int send_open(const struct send_config *config, struct send **ret)
{
        struct send *send = NULL;
        int r = make_send(config, &send);

        if (r == 0)
                r = open_client(send, config);
        if (r == 0)
                r = open_spool(send, config);
        if (r == 0)
                r = start_thread(send);
        if (r != 0) {
                free_send(send);
                return r;
        }
        *ret = send;
        return 0;
}

/* Locked. */
static void hurry_worker(struct send *send)
{
        send->gate_ms = 0;
        send_queue_hurry(&send->queue);
        pthread_cond_signal(&send->wake);
}

void send_hurry(struct send *send)
{
        pthread_mutex_lock(&send->lock);
        hurry_worker(send);
        pthread_mutex_unlock(&send->lock);
}

/*
 * Tries again to write all batches to the spool: a disk that was full may have room again. There is no other thread any
 * more. Returns the number of batches that the disk did not take.
 */
static uint64_t commit_remaining(struct send *send)
{
        struct send_batch *batch;
        uint64_t lost = 0;

        DL_FOREACH(send->queue.batches, batch) {
                if (batch->file)
                        continue;
                if (send->spool) {
                        send_queue_make_room(&send->queue, send_spool_size(send->spool, batch), true);
                        send_commit(send, batch);
                }
                send->queue.counters.spool_bytes += batch->file;
                lost += !batch->file;
        }
        return lost;
}

uint64_t send_close(struct send *send, unsigned deadline_ms)
{
        int64_t stop_at = send_now_ms() + deadline_ms;
        uint64_t lost;

        if (!send)
                return 0;
        pthread_mutex_lock(&send->lock);
        send->closing = true;
        send->stop_at_ms = stop_at;
        hurry_worker(send);
        pthread_mutex_unlock(&send->lock);

        http_client_stop_at(send->client, stop_at);
        pthread_join(send->thread, NULL);
        lost = commit_remaining(send);
        free_send(send);
        return lost;
}

/* ---- counters -------------------------------------------------------------- */

static const char *const loss_names[SEND_LOSSES] = {
        [SEND_LOST_FULL] = "full",           [SEND_LOST_EXPIRED] = "expired",       [SEND_LOST_REJECTED] = "rejected",
        [SEND_LOST_TOO_LARGE] = "too_large", [SEND_LOST_UNREADABLE] = "unreadable",
};

const char *send_loss_name(enum send_loss loss)
{
        return loss_names[loss];
}

void send_counters(struct send *send, struct send_counters *ret)
{
        const struct send_batch *oldest;

        pthread_mutex_lock(&send->lock);
        oldest = send->queue.batches;
        *ret = send->queue.counters;
        ret->waiting_ms = oldest ? (uint64_t)(send_now_ms() - oldest->created_ms) : 0;
        pthread_mutex_unlock(&send->lock);
}
