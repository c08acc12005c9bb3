/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that wait to be sent. If the collector is away for long, memory and disk run out. Old profiles are worth
 * least, so the oldest batches are dropped, and counted. A batch that is being sent stays, since its body is in use.
 */
#include "agent/send/queue.h"
#include "agent/send/clock.h"
#include "agent/send/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

/* ---- batches ------------------------------------------------------------- */

/* A random UUID (RFC 9562, version 4). */
static int make_random_key(char key[static SEND_KEY_SIZE])
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

int send_batch_new(void *body, size_t len, bool gzip, int64_t now_ms, struct send_batch **ret)
{
        struct send_batch *batch = calloc(1, sizeof(*batch));
        int r;

        if (!batch) {
                free(body);
                return -ENOMEM;
        }
        batch->body = body;
        batch->len = len;
        batch->gzip = gzip;
        batch->created_ms = now_ms;
        batch->created_ns = send_wall_ns();
        r = make_random_key(batch->key);
        if (r < 0) {
                send_batch_free(batch);
                return r;
        }
        *ret = batch;
        return 0;
}

void send_batch_free(struct send_batch *batch)
{
        if (!batch)
                return;
        free(batch->body);
        free(batch);
}

/* ---- the queue ----------------------------------------------------------- */

/* The counter of bytes that @batch belongs to (spool or memory). @ret_bytes is what the batch adds to it. */
static uint64_t *bytes_of(struct send_queue *queue, const struct send_batch *batch, size_t *ret_bytes)
{
        *ret_bytes = batch->file ? batch->file : batch->len;
        return batch->file ? &queue->counters.spool_bytes : &queue->counters.waiting_bytes;
}

static void forget_batch(struct send_queue *queue, struct send_batch *batch)
{
        size_t bytes;
        uint64_t *all = bytes_of(queue, batch, &bytes);

        *all -= bytes;
        queue->counters.waiting--;
        queue->counters.spool_files -= batch->file > 0;
        DL_DELETE(queue->batches, batch);
        if (batch->file)
                send_spool_remove(queue->spool, batch);
        send_batch_free(batch);
}

void send_queue_lost(struct send_queue *queue, struct send_batch *batch, enum send_loss loss)
{
        queue->counters.lost[loss]++;
        forget_batch(queue, batch);
}

static void drop_oldest_beyond(struct send_queue *queue, size_t max_bytes, bool spooled)
{
        const uint64_t *bytes = spooled ? &queue->counters.spool_bytes : &queue->counters.waiting_bytes;
        struct send_batch *batch, *tmp;

        DL_FOREACH_SAFE(queue->batches, batch, tmp)
        {
                if (*bytes <= max_bytes)
                        return;
                if (!batch->busy && (batch->file > 0) == spooled)
                        send_queue_lost(queue, batch, SEND_LOST_FULL);
        }
}

void send_queue_make_room(struct send_queue *queue, size_t bytes, bool spooled)
{
        size_t max_bytes = spooled ? queue->max_spool_bytes : queue->max_bytes;

        /* Other batches are not dropped for one that would never fit. */
        if (bytes <= max_bytes)
                drop_oldest_beyond(queue, max_bytes - bytes, spooled);
}

/* Inserts a batch before @before; NULL: at the end. */
static void insert_batch(struct send_queue *queue, struct send_batch *before, struct send_batch *batch)
{
        size_t bytes;
        uint64_t *all = bytes_of(queue, batch, &bytes);

        send_queue_make_room(queue, bytes, batch->file > 0);
        if (before)
                DL_PREPEND_ELEM(queue->batches, before, batch);
        else
                DL_APPEND(queue->batches, batch);
        *all += bytes;
        queue->counters.queued++;
        queue->counters.waiting++;
        queue->counters.spool_files += batch->file > 0;
        if (bytes > (batch->file ? queue->max_spool_bytes : queue->max_bytes))
                send_queue_lost(queue, batch, SEND_LOST_FULL);
}

void send_queue_add(struct send_queue *queue, struct send_batch *batch)
{
        insert_batch(queue, NULL, batch);
}

void send_queue_expire(struct send_queue *queue, int64_t now_ms)
{
        struct send_batch *batch, *tmp;

        if (queue->max_age_ms == 0)
                return;
        DL_FOREACH_SAFE(queue->batches, batch, tmp)
        {
                if (now_ms - batch->created_ms <= queue->max_age_ms)
                        return;
                if (!batch->busy)
                        send_queue_lost(queue, batch, SEND_LOST_EXPIRED);
        }
}

/*
 * After an outage people want to see what happens now, so the newest batch goes first. If a batch breaks the connection
 * whenever it is sent, sending it again and again helps nobody: others go before it.
 */
struct send_batch *send_queue_take(struct send_queue *queue, int64_t now_ms)
{
        struct send_batch *batch, *next = NULL;

        DL_FOREACH(queue->batches, batch) {
                if (!batch->busy && batch->next_attempt_ms <= now_ms && (!next || batch->attempts <= next->attempts))
                        next = batch;
        }
        if (next)
                next->busy = true;
        return next;
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
        if (batch->file) {
                free(batch->body);
                batch->body = NULL;
        }
        drop_oldest_beyond(queue, queue->max_bytes, false);
        drop_oldest_beyond(queue, queue->max_spool_bytes, true);
}

void send_queue_delivered(struct send_queue *queue, struct send_batch *batch)
{
        queue->counters.delivered++;
        queue->counters.bytes += batch->len;
        forget_batch(queue, batch);
}

void send_queue_divided(struct send_queue *queue, struct send_batch *batch, struct send_batch *const *parts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                insert_batch(queue, batch, parts[i]);
        queue->counters.divided++;
        forget_batch(queue, batch);
}

void send_queue_deinit(struct send_queue *queue)
{
        struct send_batch *batch, *tmp;

        DL_FOREACH_SAFE(queue->batches, batch, tmp)
        {
                DL_DELETE(queue->batches, batch);
                send_batch_free(batch);
        }
}
