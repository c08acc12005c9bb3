/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_H
#define SEND_H

/*
 * send: batches of bytes to a collector over HTTP, in a thread of its own. The
 * caller never waits for the network: a batch is queued in memory and retried
 * until it is taken, refused for good, or pushed out by newer ones.
 *
 * Errors: negative -errno, positive send_error.
 */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum send_error {
        SEND_E_URL = 1, /* not an http:// or https:// URL */
};

struct send_config {
        const char *url;        /* of the collector, without a path or with a base path */
        const char *token;      /* bearer token that the collector wants; NULL: none. Copied */
        size_t queue_max_bytes; /* oldest batches are dropped beyond; 0: default (64 MiB) */
        /*
         * Called from the sending thread when the collector stops answering
         * (@up false, with the reason) and when it answers again: once each.
         */
        void (*on_state)(void *ctx, bool up, const char *reason);
        /*
         * Called from the sending thread for each batch that the collector
         * refused for good, wholly or in part. May be NULL, as on_state.
         */
        void (*on_rejected)(void *ctx, const char *reason);
        void *ctx;
};

struct send;

/* Checks the URL and starts the thread; the collector may be down. */
int send_open(const struct send_config *config, struct send **ret);

/* Encodes @set (OTLP/JSON, gzip) and queues it; an empty one is not sent. @set stays the caller's. */
int send_profiles(struct send *send, const struct profile_set *set);

/* queued == delivered + rejected + dropped + waiting, at any time. */
struct send_counters {
        uint64_t queued, delivered;          /* batches */
        uint64_t retried;                    /* attempts after a batch's first */
        uint64_t rejected;                   /* refused by the collector for good, wholly or in part */
        uint64_t dropped;                    /* pushed out of the full queue */
        uint64_t waiting, waiting_bytes;     /* now */
        uint64_t waiting_ms;                 /* for how long the oldest has */
        uint64_t bytes;                      /* delivered, compressed */
};
void send_counters(struct send *send, struct send_counters *ret);

/* Tries to deliver what waits for at most @deadline_ms, then stops. Accepts NULL. */
void send_close(struct send *send, unsigned deadline_ms);

#endif
