/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_QUEUE_H
#define SEND_QUEUE_H

/*
 * The queue of one destination: batches in the order of their making, bounded
 * by bytes. Not locked: the owner does that.
 */

#include "agent/send/send.h"

/* 8-4-4-4-12 hex digits */
#define SEND_KEY_SIZE sizeof("734fd599-6865-419e-9475-932762d8f469")

/* What is sent (body, key) never changes; when it is sent does. */
struct send_batch {
        struct send_batch *prev, *next;
        void *body;
        size_t len;
        char key[SEND_KEY_SIZE]; /* tells a batch that is sent again from a new one */
        int64_t created_ms;
        int64_t next_attempt_ms; /* not before this moment */
        unsigned attempts;
        bool busy; /* taken with send_queue_take() and not settled yet */
};

struct send_queue {
        struct send_batch *batches; /* oldest first */
        size_t max_bytes;
        struct send_counters counters; /* without waiting_ms */
};

/* Consumes @body (malloc) whatever it returns. -ENOMEM, or negative errno of the random source. */
int send_queue_push(struct send_queue *queue, void *body, size_t len, int64_t now_ms);

/* The oldest batch whose moment has come, now busy; NULL: none. */
struct send_batch *send_queue_take(struct send_queue *queue, int64_t now_ms);

/* The moment at which send_queue_take() will have one; INT64_MAX: it is empty. */
int64_t send_queue_next_ms(const struct send_queue *queue);

/* Lets every batch be taken at once. */
void send_queue_hurry(struct send_queue *queue);

/* What becomes of a busy batch: it waits again, or it ends as delivered or rejected. */
void send_queue_put_back(struct send_queue *queue, struct send_batch *batch, int64_t next_attempt_ms);
void send_queue_delivered(struct send_queue *queue, struct send_batch *batch);
void send_queue_rejected(struct send_queue *queue, struct send_batch *batch);

void send_queue_deinit(struct send_queue *queue);

#endif
