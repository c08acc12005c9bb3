/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles are encoded on the caller's thread, once for all destinations with the same protocol. A batch that is sent
 * again has the same bytes. The caller's thread also writes batches to the spool, without holding the lock: a slow disk
 * delays the caller, not the sending.
 */
#include "agent/send/clock.h"
#include "agent/send/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- one destination ------------------------------------------------------ */

/* Queues a packed body. Consumes @body (malloc). */
static int push_body(struct send *send, void *body, size_t len)
{
        struct send_queue *queue = &send->queue;
        int64_t now = send_now_ms();
        struct send_batch *batch;
        int r = send_batch_new(body, len, !send->config.uncompressed, now, &batch);

        if (r < 0)
                return r;
        if (send->spool) {
                pthread_mutex_lock(&send->lock);
                send_queue_expire(queue, now);
                send_queue_make_room(queue, send_spool_size(send->spool, batch), true);
                pthread_mutex_unlock(&send->lock);
                send_commit(send, batch);
        }
        pthread_mutex_lock(&send->lock);
        queue->counters.spool_failed += send->spool && !batch->file;
        send_queue_add(queue, batch);
        pthread_cond_signal(&send->wake);
        pthread_mutex_unlock(&send->lock);
        return 0;
}

/* Counts a profile that was too large to be encoded. */
static void count_too_large(struct send *send)
{
        pthread_mutex_lock(&send->lock);
        send->queue.counters.queued++;
        send->queue.counters.lost[SEND_LOST_TOO_LARGE]++;
        pthread_mutex_unlock(&send->lock);
}

/* ---- to several ---------------------------------------------------------- */

/* A set of destinations, and which of them get the same bodies as the @first. */
struct fan {
        struct send *const *sends;
        size_t n, first;
};

static bool is_alike(const struct send *a, const struct send *b)
{
        return a->protocol == b->protocol && a->config.uncompressed == b->config.uncompressed &&
               a->config.all_labels == b->config.all_labels;
}

/* The next destination after @i that gets the same bodies; @n if there is none. */
static size_t next_alike(const struct fan *fan, size_t i)
{
        do
                i++;
        while (i < fan->n && !is_alike(fan->sends[fan->first], fan->sends[i]));
        return i;
}

/* Gives a body to all. Each destination gets a copy of its own, which is compressed; some put it on disk at once. */
static int push_to_all(void *ctx, const struct send_body *body)
{
        const struct fan *fan = ctx;
        size_t len;
        void *packed;
        int result = send_body_pack(body, !fan->sends[fan->first]->config.uncompressed, &packed, &len);

        if (result < 0)
                return result;
        for (size_t i = fan->first; i < fan->n; i = next_alike(fan, i)) {
                void *copy = malloc(len);
                int r = -ENOMEM;

                if (copy)
                        r = push_body(fan->sends[i], memcpy(copy, packed, len), len);
                if (r < 0)
                        result = r;
        }
        free(packed);
        return result;
}

static void count_too_large_for_all(void *ctx)
{
        const struct fan *fan = ctx;

        for (size_t i = fan->first; i < fan->n; i = next_alike(fan, i))
                count_too_large(fan->sends[i]);
}

static bool is_first(const struct fan *fan)
{
        for (size_t i = 0; i < fan->first; i++) {
                if (is_alike(fan->sends[i], fan->sends[fan->first]))
                        return false;
        }
        return true;
}

int send_profiles_to_all(struct send *const *sends, size_t n, const struct profile_set *set)
{
        struct fan fan = { .sends = sends, .n = n };
        int result = 0;

        if (set->n == 0)
                return 0;
        for (; fan.first < n; fan.first++) {
                const struct send_split split = {
                        .protocol = sends[fan.first]->protocol,
                        .all_labels = sends[fan.first]->config.all_labels,
                        .body = push_to_all,
                        .too_large = count_too_large_for_all,
                        .ctx = &fan,
                };
                int r = is_first(&fan) ? send_split(&split, set) : 0;

                if (r < 0)
                        result = r;
        }
        return result;
}
