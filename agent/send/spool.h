/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_SPOOL_H
#define SEND_SPOOL_H

/*
 * The spool: a file for each batch, in a folder that belongs to one destination and to one process at a time. File
 * names begin with the time of creation, so that they sort by age.
 */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"

struct send_spool;

/*
 * Opens a spool. Its folder is made below @config->spool, and named after @protocol and @url, where the batches are
 * sent. SEND_E_SPOOL with a reason in @config->client.reason, or -ENOMEM.
 */
int send_spool_open(const struct send_config *config, const struct send_protocol *protocol, const char *url,
                    struct send_spool **ret);
void send_spool_close(struct send_spool *spool); /* accepts NULL */

/*
 * Adds the batches that are there to @queue, oldest first. Temporary files are deleted. Files that are no batch are set
 * aside as *.bad and counted.
 */
int send_spool_recover(struct send_spool *spool, struct send_queue *queue, int64_t now_ms);

/* The size that the file of @batch has, or would have. */
size_t send_spool_size(const struct send_spool *spool, const struct send_batch *batch);

/*
 * Writes a batch. On success the disk surely has it; @batch keeps its body. On failure no part of it stays. May be
 * called from any thread.
 */
int send_spool_write(const struct send_spool *spool, struct send_batch *batch);

/*
 * Reads the body of a batch. @ret is allocated. A negative errno; -EINVAL: the file is no longer that batch, and is set
 * aside.
 */
int send_spool_read(struct send_spool *spool, const struct send_batch *batch, void **ret);

void send_spool_remove(const struct send_spool *spool, const struct send_batch *batch);

#endif
