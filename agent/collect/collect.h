/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_H
#define COLLECT_H

/*
 * collect: the built-in collector for one machine. Takes OTLP/HTTP profiles
 * (JSON, gzip or plain), keeps them in SQLite, answers queries, serves a page.
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
        const char *listen;                 /* "ADDR:PORT", "[v6]:PORT"; port 0 picks one */
        const char *data;                   /* directory of the database; NULL: in memory */
        uint64_t retain_s;                  /* older samples are removed; 0: kept */
        uint64_t max_bytes;                 /* oldest samples are removed beyond; 0: no bound */
        void (*note)(const char *sentence); /* is told what whoever runs it should know, from any thread; may be NULL */
        const char *token_file;             /* bearer token wanted from senders and readers; NULL: none */
};

struct collect;

/*
 * Opens the store and starts serving in threads of its own. @reason (size
 * @reason_size) gets a sentence on failure.
 */
int collect_open(const struct collect_config *config, struct collect **ret, char *reason, size_t reason_size);

/* The port that is served. */
uint16_t collect_port(const struct collect *collect);

/* Whether anybody beyond this machine can read and send: no token is asked for, and the address is not loopback. */
bool collect_is_open(const struct collect *collect);

/* Finishes requests under way, then stops. Accepts NULL. */
void collect_close(struct collect *collect);

#endif
