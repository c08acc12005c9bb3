/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_QUEUE_H
#define SEND_QUEUE_H

/*
 * The queue of one destination: batches in the order of their creation, bounded by bytes and age. Batches with the
 * fewest failures go first, and of those the newest. The queue has no lock; its owner locks.
 */

#include "agent/send/send.h"
#include "agent/send/spool_file.h"

struct send_spool;

/* A batch. Its body and key never change. The time of its next attempt does. */
struct send_batch {
        struct send_batch *prev, *next;
        void *body;  /* NULL: it is in the spool only */
        size_t len;  /* bytes of the body */
        size_t file; /* the size of its file in the spool; 0: it has no file */
        bool gzip;
        char key[SEND_KEY_SIZE]; /* tells a batch that is sent again from a new one */
        uint64_t created_ns;     /* CLOCK_REALTIME */
        int64_t created_ms;      /* the same moment in CLOCK_MONOTONIC; may be before the machine's start */
        int64_t next_attempt_ms; /* it must not be sent before this moment */
        unsigned attempts;
        long status;              /* the last status that is tolerated only a limited number of times */
        unsigned answers;         /* how often that status came in a row */
        unsigned halvings;        /* how often the batch that it comes from was halved */
        const char *content_type; /* static; NULL: the protocol's present one */
        bool busy;                /* taken by send_queue_take(), and not settled yet */
};

/* Makes a batch. Consumes @body (malloc), also on failure: -ENOMEM, or a negative errno of the random source. */
int send_batch_new(void *body, size_t len, bool gzip, int64_t now_ms, struct send_batch **ret);
void send_batch_free(struct send_batch *batch); /* accepts NULL; its file stays */

struct send_queue {
        struct send_batch *batches;    /* oldest first */
        size_t max_bytes;              /* the most bytes of batches in memory */
        size_t max_spool_bytes;        /* the most bytes of files in the spool */
        int64_t max_age_ms;            /* 0: no bound */
        struct send_spool *spool;      /* may be NULL */
        struct send_counters counters; /* without waiting_ms */
};

/* Makes room for a batch of @bytes, in the spool or in memory: drops the oldest batches. */
void send_queue_make_room(struct send_queue *queue, size_t bytes, bool spooled);

/* Adds a batch, and consumes it. A batch that would never fit is dropped. */
void send_queue_add(struct send_queue *queue, struct send_batch *batch);

/* Drops batches that are too old. */
void send_queue_expire(struct send_queue *queue, int64_t now_ms);

/* Takes the next batch that may be sent now, and marks it busy. NULL if there is none. */
struct send_batch *send_queue_take(struct send_queue *queue, int64_t now_ms);

/* When send_queue_take() will have a batch next. INT64_MAX if the queue is empty. */
int64_t send_queue_next_ms(const struct send_queue *queue);

/* Lets every batch be taken at once. */
void send_queue_hurry(struct send_queue *queue);

/* These settle a busy batch: it waits again, or it ends and its file is deleted. */
void send_queue_put_back(struct send_queue *queue, struct send_batch *batch, int64_t next_attempt_ms);
void send_queue_delivered(struct send_queue *queue, struct send_batch *batch);
void send_queue_lost(struct send_queue *queue, struct send_batch *batch, enum send_loss loss);
/* Replaces a batch by @n parts. Consumes all of them. */
void send_queue_divided(struct send_queue *queue, struct send_batch *batch, struct send_batch *const *parts, size_t n);

/* Frees the queue. Files in the spool stay. */
void send_queue_deinit(struct send_queue *queue);

#endif
