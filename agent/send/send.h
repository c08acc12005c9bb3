/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_H
#define SEND_H

/*
 * send: sends profiles to a collector over HTTP, in a thread of its own. The caller never waits for the network. A
 * batch waits in memory, or in files that survive the process. It is retried until the collector accepts it, refuses it
 * for good, it is too old, or newer batches displace it. Each lost batch is counted, by reason.
 *
 * With a spool, delivery is at least once from the moment at which send_profiles_to_all() has returned. A batch that is
 * sent again has the same bytes and the same Idempotency-Key. Each profile has an id, which stays when its batch is
 * divided: a collector that knows the ids that it has stored gets no sample twice.
 *
 * If an answer tells which profiles the collector did not store, only these are sent again. If it may have stored some,
 * and does not tell which, each profile becomes a batch of its own, so that no answer is for several any more.
 *
 * One struct send is one destination. Each has its own thread, queue and spool folder, so that no destination delays
 * another.
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
        SEND_E_TIMEOUT,                       /* not a number; only by send_config_from_environment() */
        SEND_E_SPOOL,                         /* the spool cannot be used, or another process uses it */
        SEND_E_REFUSED, /* only by send_probe(): the collector does not answer, or it is no collector */
};

/* The name of protocol @i, and a line about it for usage texts. NULL after the last. The first is the default. */
const char *send_protocol_name(size_t i, const char **ret_summary);

/* send_open() copies everything. NULL, 0 and false are the defaults. */
struct send_config {
        struct http_client_config client; /* its URL has no path, or a base path; send sets @path itself */
        bool url_is_whole;                /* the URL has the protocol's path already */
        const char *protocol;             /* "otlp", "pyroscope", "parca" */
        bool uncompressed;                /* bodies are not gzipped */
        bool all_labels;                  /* also those that multiply a backend's series: see agent/format/series.h */

        size_t queue_max_bytes;   /* bytes of batches in memory; beyond, the oldest are dropped; 0: 64 MiB */
        uint32_t max_age_s;       /* older batches are dropped; 0: the maximum age that the protocol's servers accept */
        const char *spool;        /* an existing directory; NULL: batches wait in memory only */
        uint64_t spool_max_bytes; /* bytes of this destination's files; beyond, the oldest are dropped; 0: 256 MiB */

        /*
         * Called once, from the sending thread, when the collector stops answering (@up is false, with the reason), and
         * once when it answers again. May be NULL.
         */
        void (*on_state)(void *ctx, bool up, const char *reason);
        /*
         * Called from the sending thread for each batch that the collector has refused for good, wholly or in part, or
         * that could not be read back from the spool. May be NULL.
         */
        void (*on_rejected)(void *ctx, const char *reason);
        void *ctx;
};

/*
 * Sets fields that are not set yet from OpenTelemetry's variables, for an otlp destination:
 * OTEL_EXPORTER_OTLP_{ENDPOINT,HEADERS,COMPRESSION,TIMEOUT,CERTIFICATE,HTTP_CLIENT_KEY,HTTP_CLIENT_CERTIFICATE} and
 * OTEL_EXPORTER_OTLP_PROFILES_…, which take precedence. The environment must not change before send_open() has
 * returned; then the caller frees @ret_storage. A send_error, with @config->client.reason, or -ENOMEM.
 */
int send_config_from_environment(struct send_config *config, char **ret_storage);

struct send;

/*
 * Opens a destination. Checks everything that can be checked without the collector, which may be down. Takes over what
 * an earlier process left in the spool. Starts the thread.
 */
int send_open(const struct send_config *config, struct send **ret);

/*
 * Tidies a spool directory once all wanted destinations are open: deletes what belongs to collectors that get nothing
 * any more. Batches that are too old for their servers are deleted, then empty folders. @left is called for each folder
 * that still has batches; they are sent if their collector is named again. 0 or a negative errno.
 */
int send_spool_tidy(const char *spool, void (*left)(void *ctx, const char *folder, uint64_t batches), void *ctx);

/*
 * Asks the collector whether it accepts profiles, by a request without any. Waits 5 s at most. 0 if it does; otherwise
 * a send_error or -errno, with the reason in @config->client.reason.
 */
int send_probe(const struct send_config *config);

/*
 * Encodes @set and queues it for @n destinations, in as many batches as the protocol's servers require. An empty set is
 * not sent. It is encoded once for all destinations with the same protocol. The caller keeps @set. With a spool, the
 * disk has the batches when this returns. Only one thread at a time may call this.
 */
int send_profiles_to_all(struct send *const *sends, size_t n, const struct profile_set *set);

/* Why a batch was lost. */
enum send_loss {
        SEND_LOST_FULL,       /* newer batches displaced it */
        SEND_LOST_EXPIRED,    /* it was too old */
        SEND_LOST_REJECTED,   /* the collector refused it for good, wholly or in part */
        SEND_LOST_TOO_LARGE,  /* a single profile exceeds the collector's limits */
        SEND_LOST_UNREADABLE, /* its file in the spool is gone or damaged */
        SEND_LOSSES,
};
const char *send_loss_name(enum send_loss loss); /* "full", "expired", … */

/* At any time queued == delivered + sum of lost + divided + waiting. */
struct send_counters {
        uint64_t queued; /* batches, with those that were found in the spool */
        uint64_t delivered;
        uint64_t lost[SEND_LOSSES];
        uint64_t divided;   /* batches that the collector did not take as a whole: others took the place of each */
        uint64_t recovered; /* batches found in the spool at the start */
        uint64_t retried;   /* attempts, without the first one of each batch */
        /* answers, or their absence, after which a batch is sent again that the collector may have stored in part */
        uint64_t unsure;
        uint64_t bytes;                    /* delivered, as sent */
        uint64_t waiting, waiting_bytes;   /* batches that wait now; the bytes of those in memory */
        uint64_t waiting_ms;               /* how long the oldest has been waiting */
        uint64_t spool_bytes, spool_files; /* what is on disk now */
        uint64_t spool_failed;             /* batches that could not be written to disk: they wait in memory */
        uint64_t spool_set_aside;          /* files in the spool that are no batch: now called *.bad */
};
void send_counters(struct send *send, struct send_counters *ret);

/*
 * Tries to deliver waiting batches now, without waiting for the end of the pause after a failure: its cause may have
 * been repaired.
 */
void send_hurry(struct send *send);

/*
 * Tries to deliver waiting batches for at most @deadline_ms, then stops. The spool keeps the rest. Returns the number
 * of batches that are lost, since no disk has them. Accepts NULL.
 */
uint64_t send_close(struct send *send, unsigned deadline_ms);

#endif
