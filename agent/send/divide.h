/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_DIVIDE_H
#define SEND_DIVIDE_H

/* What is sent again after an answer, if it is not the same batch. */

#include "agent/send/internal.h"
#include "agent/send/outcome.h"

/* At most this many batches take the place of one. A part that has several profiles still may be divided again. */
#define SEND_PARTS_MAX 64

struct send_parts {
        struct send_batch *items[SEND_PARTS_MAX];
        size_t n; /* 0: the batch stays as it is */
};

/*
 * Makes the batches that take the place of @batch, which has its body in memory, after @answer: two halves of what is
 * too large, a batch of those profiles that the collector names as not stored, or a batch for each profile if some may
 * be stored. Corrects @outcome by what the answer tells of single profiles. The spool has the parts afterwards. The
 * caller does not hold the lock.
 */
void send_divide(struct send *send, const struct send_batch *batch, const struct http_client_answer *answer,
                 struct send_outcome *outcome, struct send_parts *ret);

#endif
