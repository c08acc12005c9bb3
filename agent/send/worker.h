/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_WORKER_H
#define SEND_WORKER_H

/* The thread that empties a queue into a destination. */

#include "agent/send/http.h"

struct send_worker;

/* Consumes @http, also on failure. @config's callbacks are kept, its strings are not. */
int send_worker_start(const struct send_config *config, struct send_http *http, struct send_worker **ret);

/* Consumes @body (malloc). */
int send_worker_push(struct send_worker *worker, void *body, size_t len);

void send_worker_counters(struct send_worker *worker, struct send_counters *ret);

/* Delivers what it can within @deadline_ms, then ends the thread. Accepts NULL. */
void send_worker_stop(struct send_worker *worker, unsigned deadline_ms);

#endif
