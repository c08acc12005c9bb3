/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_H
#define COLLECT_H

/*
 * collect: the built-in collector for one machine. It accepts OTLP/HTTP profiles (JSON, gzip or plain), keeps them in
 * SQLite, answers queries, and serves a page.
 *
 *   POST /v1development/profiles     an ExportProfilesServiceRequest
 *   GET  /                           the page
 *   GET  /api/v1/series              containers and services seen
 *   GET  /api/v1/tree?…              flame graph of a series over a time range
 *   GET  /api/v1/top?…               its functions by self samples
 *   GET  /healthz                    "ok"
 *
 * Errors: negative -errno, positive collect_error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum collect_error {
        COLLECT_E_ADDRESS = 1, /* not ADDR:PORT */
        COLLECT_E_IN_USE,      /* the port is taken */
        COLLECT_E_STORE,       /* the database cannot be opened: see the reason */
};

struct collect_config {
        const char *listen; /* "ADDR:PORT", "[v6]:PORT"; port 0 picks one */
        const char *data;   /* directory of the database; NULL: the database is in memory */
        uint64_t retain_s;  /* seconds after which samples are removed; 0: they are kept */
        uint64_t max_bytes; /* beyond, the oldest samples are removed; 0: no bound */
        /* gets sentences for the person who runs the collector, from any thread; may be NULL */
        void (*note)(const char *sentence);
        const char *token_file; /* file of the bearer token that senders and readers must give; NULL: none */
};

struct collect;

/* Opens the store and starts serving, in threads of its own. On failure @reason gets a sentence. */
int collect_open(const struct collect_config *config, struct collect **ret, char *reason, size_t reason_size);

/* The port that the collector listens on. */
uint16_t collect_port(const struct collect *collect);

/* Whether anybody beyond this machine can read and send: no token is needed, and the address is not loopback. */
bool collect_is_open(const struct collect *collect);

/* Finishes requests under way, then stops. Accepts NULL. */
void collect_close(struct collect *collect);

#endif
