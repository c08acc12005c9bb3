/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_RECORD_H
#define SEND_RECORD_H

/* A batch as a file: a head of fixed size, destination, content type, body. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 8-4-4-4-12 hex digits */
#define SEND_KEY_SIZE sizeof("734fd599-6865-419e-9475-932762d8f469")

#define SEND_RECORD_HEAD 80

/* Of body and destination: what podflame writes is far smaller. */
#define SEND_RECORD_MAX_BODY ((size_t)64 << 20) /* OTLP's own cap */
#define SEND_RECORD_MAX_TEXT 255

struct send_record {
        uint64_t created_ns; /* CLOCK_REALTIME */
        char key[SEND_KEY_SIZE];
        bool gzip; /* the body is compressed */
        const char *destination, *content_type;
        size_t destination_len, content_type_len; /* SEND_RECORD_MAX_TEXT at most */
        const void *body;
        size_t len;
};

size_t send_record_size(const struct send_record *record);

/* All that comes before the body; returns its length. */
#define SEND_RECORD_PREFIX_MAX (SEND_RECORD_HEAD + 2 * SEND_RECORD_MAX_TEXT)
size_t send_record_prefix(const struct send_record *record, uint8_t ret[static SEND_RECORD_PREFIX_MAX]);

/* @ret's pointers go into @data. -EINVAL: it is not a whole and undamaged record. */
int send_record_parse(const void *data, size_t len, struct send_record *ret);

#endif
