/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending thread. It sends one request at a time. A failed batch waits for some time, while later batches pass it.
 * If the destination has failed, nothing is sent until a certain moment (the gate); then one batch probes it.
 *
 * Waiting times have full jitter, also in addition to those that a server asks for. So the agents of a cluster do not
 * all come back at once after an outage.
 */
#include "agent/send/clock.h"
#include "agent/send/divide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BACKOFF_BASE_MS 1000
#define BACKOFF_MAX_MS 60000
#define RETRY_AFTER_MAX_S 300 /* a server cannot delay podflame for longer */

/* ---- waiting ------------------------------------------------------------- */

/* A random pause: uniform(0, min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2^n)). */
static int64_t backoff_ms(unsigned n)
{
        int64_t most = n < 16 ? (int64_t)BACKOFF_BASE_MS << n : BACKOFF_MAX_MS;
        uint32_t random;

        if (most > BACKOFF_MAX_MS)
                most = BACKOFF_MAX_MS;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
                return most;
        return random % (most + 1);
}

static int64_t pause_ms(const struct send_outcome *outcome, const struct http_client_answer *answer, unsigned failures)
{
        int64_t asked = answer->retry_after < RETRY_AFTER_MAX_S ? answer->retry_after : RETRY_AFTER_MAX_S;

        if (outcome->misused)
                return asked * 1000 > BACKOFF_MAX_MS ? asked * 1000 : BACKOFF_MAX_MS;
        return asked * 1000 + backoff_ms(failures);
}

static void sleep_until(struct send *send, int64_t when_ms)
{
        struct timespec when = { .tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000 };

        if (when_ms == INT64_MAX)
                pthread_cond_wait(&send->wake, &send->lock);
        else
                pthread_cond_timedwait(&send->wake, &send->lock, &when);
}

/* Waits for the next batch to send. NULL means stop. */
static struct send_batch *wait_for_batch(struct send *send)
{
        for (;;) {
                int64_t now = send_now_ms(), next;

                send_queue_expire(&send->queue, now);
                next = send_queue_next_ms(&send->queue);
                if (send->closing && (send->hopeless || now >= send->stop_at_ms || next == INT64_MAX))
                        return NULL;
                if (next != INT64_MAX && next < send->gate_ms)
                        next = send->gate_ms;
                if (next <= now)
                        return send_queue_take(&send->queue, now);
                sleep_until(send, next < send->stop_at_ms ? next : send->stop_at_ms);
        }
}

/* ---- settling ------------------------------------------------------------ */

/* When @batch, or what takes its place, is sent again. */
static int64_t set_pause(struct send *send, const struct send_batch *batch, const struct send_outcome *outcome,
                         const struct http_client_answer *answer)
{
        unsigned failures = outcome->gate ? send->failures++ : batch->attempts - 1;
        int64_t when = send_now_ms() + pause_ms(outcome, answer, failures);

        if (outcome->gate) {
                send->gate_ms = when;
                send->hopeless = send->closing;
        }
        return when;
}

void send_commit(struct send *send, struct send_batch *batch)
{
        if (!send->spool || send_spool_size(send->spool, batch) > send->queue.max_spool_bytes ||
            send_spool_write(send->spool, batch) < 0)
                return;
        free(batch->body);
        batch->body = NULL;
}

/* Whether @batch has had this answer too often. Other answers in between, as during an outage, do not count. */
static bool is_worn_out(struct send_batch *batch, const struct send_outcome *outcome, long status)
{
        if (outcome->tries == 0)
                return false;
        if (batch->status != status)
                batch->answers = 0;
        batch->status = status;
        return ++batch->answers >= outcome->tries;
}

/*
 * Puts the parts in the place of @batch. The destination takes a part, so the pause does not grow: newer batches come in
 * between, and would be refused in part as well.
 */
static void replace_batch(struct send *send, struct send_batch *batch, const struct send_outcome *outcome,
                          const struct http_client_answer *answer, const struct send_parts *parts)
{
        int64_t when;

        send->failures = 0;
        when = outcome->fate == SEND_AGAIN ? set_pause(send, batch, outcome, answer) : 0;

        for (size_t i = 0; i < parts->n; i++) {
                parts->items[i]->next_attempt_ms = when;
                send->queue.counters.spool_failed += send->spool && !parts->items[i]->file;
        }
        send_queue_divided(&send->queue, batch, parts->items, parts->n);
}

/* Settles @batch. If there are @parts, they replace it. Returns whether it was lost. */
static bool settle_batch(struct send *send, struct send_batch *batch, const struct send_outcome *outcome,
                         const struct http_client_answer *answer, const struct send_parts *parts)
{
        struct send_queue *queue = &send->queue;

        queue->counters.unsure += outcome->unsure;
        if (!outcome->gate)
                send->failures = 0;
        if (outcome->fate == SEND_TAKEN) {
                send_queue_delivered(queue, batch);
        } else if (parts->n > 0) {
                replace_batch(send, batch, outcome, answer, parts);
        } else if (outcome->fate == SEND_AGAIN && !is_worn_out(batch, outcome, answer->status)) {
                send_queue_put_back(queue, batch, set_pause(send, batch, outcome, answer));
        } else {
                send_queue_lost(queue, batch,
                                outcome->fate == SEND_TOO_LARGE ? SEND_LOST_TOO_LARGE : SEND_LOST_REJECTED);
                return true;
        }
        return false;
}

static void report_outcome(struct send *send, const struct send_outcome *outcome, bool lost, const char *reason)
{
        const struct send_config *config = &send->config;

        if (outcome->down != send->down && (outcome->down || !outcome->gate)) {
                send->down = outcome->down;
                if (config->on_state)
                        config->on_state(config->ctx, !send->down, send->down ? reason : NULL);
        }
        if (lost && config->on_rejected)
                config->on_rejected(config->ctx, reason);
}

/* ---- sending ------------------------------------------------------------- */

/* Sends @batch, which has its body in memory, and waits for the answer. */
static void post_batch(const struct send *send, const struct send_batch *batch, struct http_client_answer *ret)
{
        char type[128], key[64];
        const char *const headers[] = { type, key, batch->gzip ? "Content-Encoding: gzip" : NULL, NULL };
        const struct http_client_request request = { .headers = headers, .body = batch->body, .len = batch->len };

        snprintf(type, sizeof(type), "Content-Type: %s",
                 batch->content_type ? batch->content_type : send->protocol->content_type);
        snprintf(key, sizeof(key), "Idempotency-Key: %s", batch->key);
        http_client_request(send->client, &request, ret);
}

/* Not locked. */
static void deliver_batch(struct send *send, struct send_batch *batch)
{
        struct send_outcome outcome;
        struct send_parts parts;
        struct http_client_answer answer;
        char reason[HTTP_CLIENT_REASON_SIZE];
        bool lost;

        post_batch(send, batch, &answer);
        outcome = send_judge(&answer, reason, sizeof(reason));
        send_divide(send, batch, &answer, &outcome, &parts);

        pthread_mutex_lock(&send->lock);
        lost = settle_batch(send, batch, &outcome, &answer, &parts);
        pthread_mutex_unlock(&send->lock);
        report_outcome(send, &outcome, lost, reason);
}

/*
 * Settles a batch that cannot be read. If its file cannot be opened, that may work later. If it is damaged, the batch
 * is lost. The caller does not hold the lock.
 */
static void give_up_reading(struct send *send, struct send_batch *batch, int error)
{
        bool later = error == -ENOMEM || error == -EMFILE || error == -ENFILE;
        char reason[HTTP_CLIENT_REASON_SIZE];

        pthread_mutex_lock(&send->lock);
        if (later) {
                send_queue_put_back(&send->queue, batch, send_now_ms() + BACKOFF_MAX_MS);
        } else {
                send->queue.counters.spool_set_aside += error == -EINVAL;
                send_queue_lost(&send->queue, batch, SEND_LOST_UNREADABLE);
        }
        pthread_mutex_unlock(&send->lock);
        if (later || !send->config.on_rejected)
                return;
        snprintf(reason, sizeof(reason), "its file in the spool: %s", error == -EINVAL ? "damaged" : strerror(-error));
        send->config.on_rejected(send->config.ctx, reason);
}

void *send_run(void *ctx)
{
        struct send *send = ctx;
        struct send_batch *batch;

        pthread_mutex_lock(&send->lock);
        while ((batch = wait_for_batch(send))) {
                int r = 0;

                pthread_mutex_unlock(&send->lock);
                if (!batch->body)
                        r = send_spool_read(send->spool, batch, &batch->body);
                if (r < 0) {
                        give_up_reading(send, batch, r);
                } else {
                        pthread_mutex_lock(&send->lock);
                        if (batch->attempts++ > 0)
                                send->queue.counters.retried++;
                        pthread_mutex_unlock(&send->lock);
                        deliver_batch(send, batch);
                }
                pthread_mutex_lock(&send->lock);
        }
        pthread_mutex_unlock(&send->lock);
        return NULL;
}
