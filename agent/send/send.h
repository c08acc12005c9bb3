/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_H
#define SEND_H

/*
 * send: profiles to a collector over HTTP, in a thread of its own. The caller
 * never waits for the network: a batch waits in memory, or in files that survive
 * the process, and is retried until it is taken, refused for good, too old, or
 * pushed out by newer ones. Every one that is lost is counted, by reason.
 *
 * With a spool, delivery is at least once from the moment send_profiles_to_all()
 * has returned; a batch that is sent again is the same, byte for byte, and has the
 * same Idempotency-Key.
 *
 * One struct send is one destination; each has its own thread, queue and spool
 * folder, so none holds up another.
 *
 * Errors: negative -errno, positive http_client_error or send_error.
 */

#include "agent/http/http.h"
#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum send_error {
        SEND_E_PROTOCOL = HTTP_CLIENT_ERRORS, /* unknown */
        SEND_E_TIMEOUT,                       /* not a number; only from the environment */
        SEND_E_SPOOL,                         /* unusable, or another process has it */
        SEND_E_REFUSED,                       /* the collector does not answer, or not as one: only of send_probe() */
};

/* A protocol's name and a line about it, for usage texts; NULL after the last. The first is the default. */
const char *send_protocol_name(size_t i, const char **ret_summary);

/* Everything is copied; NULL, 0 and false are the defaults. */
struct send_config {
        struct http_client_config client; /* its URL: without a path or with a base path; path is not the caller's */
        bool url_is_whole;                /* the protocol's path is in it already */
        const char *protocol;             /* "otlp", "pyroscope" */
        bool uncompressed;                /* bodies are not gzipped */

        size_t queue_max_bytes;   /* of batches in memory; the oldest are dropped beyond; 0: 64 MiB */
        uint32_t max_age_s;       /* older ones are dropped; 0: what the protocol's servers take */
        const char *spool;        /* existing directory; NULL: memory only */
        uint64_t spool_max_bytes; /* of this destination's files; the oldest are dropped beyond; 0: 256 MiB */

        /*
         * Called from the sending thread when the collector stops answering
         * (@up false, with the reason) and when it answers again: once each.
         */
        void (*on_state)(void *ctx, bool up, const char *reason);
        /*
         * Called from the sending thread for each batch that the collector
         * refused for good, wholly or in part, or that could not be read back
         * from the spool. May be NULL, as on_state.
         */
        void (*on_rejected)(void *ctx, const char *reason);
        void *ctx;
};

/*
 * OpenTelemetry's variables as defaults for an otlp destination: of
 * OTEL_EXPORTER_OTLP_{ENDPOINT,HEADERS,COMPRESSION,TIMEOUT,CERTIFICATE,HTTP_CLIENT_KEY,HTTP_CLIENT_CERTIFICATE}
 * and OTEL_EXPORTER_OTLP_PROFILES_…, which win, sets the fields that are not set
 * yet. The environment must not change until send_open() has returned; then
 * @ret_storage is to be freed. A send_error, with @config->client.reason, or -ENOMEM.
 */
int send_config_from_environment(struct send_config *config, char **ret_storage);

struct send;

/*
 * Checks everything that can be checked without the collector, which may be
 * down; takes over what an earlier process left in the spool; starts the thread.
 */
int send_open(const struct send_config *config, struct send **ret);

/*
 * Tidies a spool directory of the collectors that nobody sends to any more, once all
 * that are wanted are open: batches that their servers would not take for their age
 * are deleted, then empty folders. @left hears of those that have batches yet, which
 * are sent if their collector is named again. 0 or negative errno.
 */
int send_spool_tidy(const char *spool, void (*left)(void *ctx, const char *folder, uint64_t batches), void *ctx);

/*
 * Asks the collector whether it takes profiles, by a request without any; waits 5 s
 * at most. 0 if it does; else a send_error or -errno, and @config->client.reason says why.
 */
int send_probe(const struct send_config *config);

/*
 * Encodes @set and queues it for @n destinations, in as many batches as the protocol's
 * servers want; an empty one is not sent. It is encoded once for all that speak the same
 * protocol, and stays the caller's. With a spool it returns when the disk has it. From
 * one thread at a time.
 */
int send_profiles_to_all(struct send *const *sends, size_t n, const struct profile_set *set);

/* Why a batch was lost. */
enum send_loss {
        SEND_LOST_FULL,       /* pushed out by newer ones */
        SEND_LOST_EXPIRED,    /* too old */
        SEND_LOST_REJECTED,   /* refused by the collector for good, wholly or in part */
        SEND_LOST_TOO_LARGE,  /* a single profile beyond the collector's limits */
        SEND_LOST_UNREADABLE, /* its file in the spool is gone or damaged */
        SEND_LOSSES,
};
const char *send_loss_name(enum send_loss loss); /* "full", "expired", … */

/* queued == delivered + sum of lost + halved + waiting, at any time. */
struct send_counters {
        uint64_t queued; /* batches, those that were found in the spool included */
        uint64_t delivered;
        uint64_t lost[SEND_LOSSES];
        uint64_t halved;                   /* too large for the collector: two others were queued in its place */
        uint64_t recovered;                /* found in the spool at the start */
        uint64_t retried;                  /* attempts after a batch's first */
        uint64_t bytes;                    /* delivered, as sent */
        uint64_t waiting, waiting_bytes;   /* now; bytes are those in memory */
        uint64_t waiting_ms;               /* for how long the oldest has */
        uint64_t spool_bytes, spool_files; /* now, on disk */
        uint64_t spool_failed;             /* batches that the disk did not take: they wait in memory */
        uint64_t spool_set_aside;          /* files in it that are no batch: now *.bad */
};
void send_counters(struct send *send, struct send_counters *ret);

/*
 * Tries to deliver what waits now instead of after the pause that a failure has
 * brought, since what made it fail may have been repaired.
 */
void send_hurry(struct send *send);

/*
 * Tries to deliver what waits for at most @deadline_ms, then stops; the spool
 * keeps the rest. Returns how many batches are lost, because no disk has them.
 * Accepts NULL.
 */
uint64_t send_close(struct send *send, unsigned deadline_ms);

#endif
