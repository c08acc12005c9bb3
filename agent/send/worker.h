/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_WORKER_H
#define SEND_WORKER_H

/* The thread that empties a queue into a destination. */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"

struct send_worker;

/* Of @config, callbacks and bounds are kept, strings are not. A send_error, with @config->client.reason, or negative errno. */
int send_worker_start(const struct send_config *config, struct send_worker **ret);

const struct send_protocol *send_worker_protocol(const struct send_worker *worker);
bool send_worker_gzip(const struct send_worker *worker); /* whether bodies are to be compressed */

/* Consumes @body (malloc), packed. With a spool, waits for the disk; not from two threads at once. */
int send_worker_push(struct send_worker *worker, void *body, size_t len);

/* Counts what could not even be encoded. */
void send_worker_too_large(struct send_worker *worker);

void send_worker_counters(struct send_worker *worker, struct send_counters *ret);

/* Nothing waits for its next attempt any longer. */
void send_worker_hurry(struct send_worker *worker);

/* Delivers what it can within @deadline_ms, then ends the thread. Returns how many batches are lost. */
uint64_t send_worker_stop(struct send_worker *worker, unsigned deadline_ms);

#endif
