/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_SPOOL_FOLDER_H
#define SEND_SPOOL_FOLDER_H

/* What writing, reading and tidying a spool share. */

#include "agent/send/spool.h"

#define SPOOL_LOCK "lock"
#define SPOOL_SUFFIX ".batch"
#define SPOOL_TEMPORARY ".tmp"
#define SPOOL_ASIDE ".bad"

/* Size of a destination's name: its protocol, its host, a hash of its URL. */
#define SPOOL_DESTINATION_SIZE 128

struct send_spool {
        char destination[SPOOL_DESTINATION_SIZE]; /* it is also the folder's name */
        const char *content_type, *former_type;   /* of the protocol */
        int directory, lock;
        unsigned aside; /* number of files that were set aside, now or earlier */
        uint64_t aside_bytes;
};

/* A file's name: 16 hex digits of nanoseconds, then the key. */
#define SPOOL_NAME_SIZE (sizeof("0000000000000000-" SPOOL_SUFFIX) + SEND_KEY_SIZE)

void send_spool_name(const struct send_batch *batch, const char *suffix, char name[static SPOOL_NAME_SIZE]);

bool send_spool_ends_with(const char *name, const char *suffix);

/* Opens and locks the folder of @spool's destination, which exists. NULL, or why that failed. */
const char *send_spool_take(struct send_spool *spool, int parent);

#endif
