/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_SPOOL_H
#define SEND_SPOOL_H

/*
 * Batches as files, one each, in a folder that belongs to one destination and
 * to one process at a time. Names begin with the time of creation, so that they
 * sort by age.
 */

#include "agent/send/protocol.h"
#include "agent/send/queue.h"

struct send_spool;

/*
 * The folder is made below @config->spool and named after @protocol and @url,
 * where the files are to go. SEND_E_SPOOL, with @config->client.reason; -ENOMEM.
 */
int send_spool_open(const struct send_config *config, const struct send_protocol *protocol, const char *url,
                    struct send_spool **ret);
void send_spool_close(struct send_spool *spool); /* accepts NULL */

/*
 * Adds what is there to @queue, oldest first. Temporary files are deleted; what
 * is no batch is set aside as *.bad and counted.
 */
int send_spool_recover(struct send_spool *spool, struct send_queue *queue, int64_t now_ms);

/* The size that the file of @batch has or would have. */
size_t send_spool_size(const struct send_spool *spool, const struct send_batch *batch);

/*
 * On success the disk has it, for sure; @batch keeps its body. On failure
 * nothing is left of it. From any thread.
 */
int send_spool_write(const struct send_spool *spool, struct send_batch *batch);

/* @ret is allocated. Negative errno, -EINVAL included: what is there is no longer that batch, and set aside. */
int send_spool_read(struct send_spool *spool, const struct send_batch *batch, void **ret);

void send_spool_remove(const struct send_spool *spool, const struct send_batch *batch);

#endif
