/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_QUEUE_H
#define SEND_QUEUE_H

/*
 * The queue of one destination: batches in the order of their making, bounded by
 * bytes and age. What has failed least goes first, and of that the newest. Not
 * locked: the owner does that.
 */

#include "agent/send/record.h"
#include "agent/send/send.h"

struct send_spool;

/* What is sent (body, key) never changes; when it is sent does. */
struct send_batch {
        struct send_batch *prev, *next;
        void *body;  /* NULL: in the spool only */
        size_t len;  /* of the body */
        size_t file; /* the size of its file in the spool; 0: it has none */
        bool gzip;
        char key[SEND_KEY_SIZE]; /* tells a batch that is sent again from a new one */
        uint64_t created_ns;     /* CLOCK_REALTIME */
        int64_t created_ms;      /* the same moment in CLOCK_MONOTONIC; may be before the machine's start */
        int64_t next_attempt_ms; /* not before this moment */
        unsigned attempts;
        long status;       /* the last answer that may come only so often */
        unsigned answers;  /* … how often it came in a row */
        unsigned halvings; /* how often what it was a part of was halved */
        bool busy;         /* taken with send_queue_take() and not settled yet */
};

/* Consumes @body (malloc), also on failure: -ENOMEM, or negative errno of the random source. */
int send_batch_new(void *body, size_t len, bool gzip, int64_t now_ms, struct send_batch **ret);
void send_batch_free(struct send_batch *batch); /* accepts NULL; its file stays */

struct send_queue {
        struct send_batch *batches;    /* oldest first */
        size_t max_bytes;              /* of batches in memory */
        size_t max_spool_bytes;        /* of files */
        int64_t max_age_ms;            /* 0: no bound */
        struct send_spool *spool;      /* may be NULL */
        struct send_counters counters; /* without waiting_ms */
};

/* Makes room for a batch of @bytes, in the spool or in memory, by dropping the oldest. */
void send_queue_make_room(struct send_queue *queue, size_t bytes, bool spooled);

/* Consumes @batch. One that would never fit is dropped itself. */
void send_queue_add(struct send_queue *queue, struct send_batch *batch);

/* Drops what is too old. */
void send_queue_expire(struct send_queue *queue, int64_t now_ms);

/* Of the batches whose moment has come the next one, now busy; NULL: none. */
struct send_batch *send_queue_take(struct send_queue *queue, int64_t now_ms);

/* The moment at which send_queue_take() will have one; INT64_MAX: it is empty. */
int64_t send_queue_next_ms(const struct send_queue *queue);

/* Lets every batch be taken at once. */
void send_queue_hurry(struct send_queue *queue);

/* What becomes of a busy batch: it waits again, or it ends, and with it its file. */
void send_queue_put_back(struct send_queue *queue, struct send_batch *batch, int64_t next_attempt_ms);
void send_queue_delivered(struct send_queue *queue, struct send_batch *batch);
void send_queue_lost(struct send_queue *queue, struct send_batch *batch, enum send_loss loss);
/* Two others take its place; consumes them. */
void send_queue_halved(struct send_queue *queue, struct send_batch *batch, struct send_batch *halves[static 2]);

/* Files stay. */
void send_queue_deinit(struct send_queue *queue);

#endif
