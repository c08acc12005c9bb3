/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_INTERNAL_H
#define SEND_INTERNAL_H

/* What the thread of a destination and those who start, feed and stop it share. */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"
#include "agent/send/spool.h"

#include <pthread.h>

struct send {
        pthread_t thread;
        pthread_mutex_t lock; /* of all below */
        pthread_cond_t wake;
        struct send_queue queue;
        int64_t gate_ms;    /* nothing is sent before */
        unsigned failures;  /* of the destination, in a row */
        int64_t stop_at_ms; /* INT64_MAX until it is closing */
        bool closing;
        bool hopeless; /* closing, and the destination failed */

        const struct send_protocol *protocol;
        struct http_client *client;
        struct send_spool *spool;  /* NULL: none */
        struct send_config config; /* its strings are gone */
        bool down;                 /* the thread's alone */
};

/* The thread; @ctx is the struct send. */
void *send_run(void *ctx);

/* Into the spool if there is one; what it cannot take stays in memory. Not locked. */
void send_commit(struct send *send, struct send_batch *batch);

#endif
