/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that wait to be sent. When the collector is away for long, memory is
 * what runs out first and old profiles are worth least: the oldest are dropped,
 * and counted. The one that is being sent stays: its body is in use.
 */
#include "agent/send/queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

/* A random UUID (RFC 9562, version 4). */
static int make_key(char key[static SEND_KEY_SIZE])
{
        uint8_t b[16];

        if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
                return -EAGAIN;
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        snprintf(key, SEND_KEY_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        return 0;
}

static int make_batch(void *body, size_t len, int64_t now_ms, struct send_batch **ret)
{
        struct send_batch *batch = calloc(1, sizeof(*batch));
        int r;

        if (!batch)
                return -ENOMEM;
        r = make_key(batch->key);
        if (r < 0) {
                free(batch);
                return r;
        }
        batch->body = body;
        batch->len = len;
        batch->created_ms = now_ms;
        *ret = batch;
        return 0;
}

static void forget(struct send_queue *queue, struct send_batch *batch)
{
        DL_DELETE(queue->batches, batch);
        queue->counters.waiting--;
        queue->counters.waiting_bytes -= batch->len;
        free(batch->body);
        free(batch);
}

static void drop_oldest_beyond(struct send_queue *queue, size_t max_bytes)
{
        struct send_batch *batch, *tmp;

        DL_FOREACH_SAFE(queue->batches, batch, tmp) {
                if (queue->counters.waiting_bytes <= max_bytes)
                        return;
                if (batch->busy)
                        continue;
                forget(queue, batch);
                queue->counters.dropped++;
        }
}

int send_queue_push(struct send_queue *queue, void *body, size_t len, int64_t now_ms)
{
        struct send_batch *batch;
        int r;

        /* One that would never fit is not worth the others. */
        if (len > queue->max_bytes) {
                queue->counters.queued++;
                queue->counters.dropped++;
                free(body);
                return 0;
        }
        r = make_batch(body, len, now_ms, &batch);
        if (r < 0) {
                free(body);
                return r;
        }
        drop_oldest_beyond(queue, queue->max_bytes - len);
        DL_APPEND(queue->batches, batch);
        queue->counters.queued++;
        queue->counters.waiting++;
        queue->counters.waiting_bytes += len;
        return 0;
}

struct send_batch *send_queue_take(struct send_queue *queue, int64_t now_ms)
{
        struct send_batch *batch;

        DL_FOREACH(queue->batches, batch) {
                if (!batch->busy && batch->next_attempt_ms <= now_ms) {
                        batch->busy = true;
                        return batch;
                }
        }
        return NULL;
}

int64_t send_queue_next_ms(const struct send_queue *queue)
{
        const struct send_batch *batch;
        int64_t next = INT64_MAX;

        DL_FOREACH(queue->batches, batch) {
                if (!batch->busy && batch->next_attempt_ms < next)
                        next = batch->next_attempt_ms;
        }
        return next;
}

void send_queue_hurry(struct send_queue *queue)
{
        struct send_batch *batch;

        DL_FOREACH(queue->batches, batch)
                batch->next_attempt_ms = 0;
}

void send_queue_put_back(struct send_queue *queue, struct send_batch *batch, int64_t next_attempt_ms)
{
        batch->busy = false;
        batch->next_attempt_ms = next_attempt_ms;
        drop_oldest_beyond(queue, queue->max_bytes);
}

void send_queue_delivered(struct send_queue *queue, struct send_batch *batch)
{
        queue->counters.delivered++;
        queue->counters.bytes += batch->len;
        forget(queue, batch);
}

void send_queue_rejected(struct send_queue *queue, struct send_batch *batch)
{
        queue->counters.rejected++;
        forget(queue, batch);
}

void send_queue_deinit(struct send_queue *queue)
{
        struct send_batch *batch, *tmp;

        DL_FOREACH_SAFE(queue->batches, batch, tmp)
                forget(queue, batch);
}
