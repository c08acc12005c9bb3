/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_INTERNAL_H
#define SEND_INTERNAL_H

/* What a destination's thread shares with the functions that start, feed and stop it. */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"
#include "agent/send/spool.h"

#include <pthread.h>

/* Bytes of an answer that are kept: http_client's default. */
#define SEND_ANSWER_MAX ((size_t)64 << 10)

struct send {
        pthread_t thread;
        pthread_mutex_t lock; /* guards all below */
        pthread_cond_t wake;
        struct send_queue queue;
        int64_t gate_ms;    /* nothing is sent before this moment */
        unsigned failures;  /* failures of the destination in a row */
        int64_t stop_at_ms; /* INT64_MAX until it is closing */
        bool closing;
        bool hopeless; /* it is closing, and the destination has failed */

        const struct send_protocol *protocol;
        struct http_client *client;
        struct send_spool *spool;  /* NULL: none */
        struct send_config config; /* copied; its strings are not valid any more */
        bool down;                 /* only the thread uses it */
};

/* The function of the thread; @ctx is the struct send. */
void *send_run(void *ctx);

/*
 * Writes a batch into the spool if there is one. If that fails, it stays in memory. The caller does not hold the lock.
 */
void send_commit(struct send *send, struct send_batch *batch);

#endif
