/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_SPOOL_FILE_H
#define SEND_SPOOL_FILE_H

/* A batch as a file: a head of fixed size, destination, content type, body. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key: 8-4-4-4-12 hex digits. */
#define SEND_KEY_SIZE sizeof("734fd599-6865-419e-9475-932762d8f469")

#define SEND_SPOOL_FILE_HEAD 80

/* Limits of the body and of the texts. What podflame writes is far smaller. */
#define SEND_SPOOL_FILE_MAX_BODY ((size_t)64 << 20) /* OTLP's own cap */
#define SEND_SPOOL_FILE_MAX_TEXT 255

struct send_spool_file {
        uint64_t created_ns; /* CLOCK_REALTIME */
        char key[SEND_KEY_SIZE];
        bool gzip; /* the body is compressed */
        const char *destination, *content_type;
        size_t destination_len, content_type_len; /* SEND_SPOOL_FILE_MAX_TEXT at most */
        const void *body;
        size_t len;
};

size_t send_spool_file_size(const struct send_spool_file *file);

/* Writes everything that comes before the body. Returns its length. */
#define SEND_SPOOL_FILE_PREFIX_MAX (SEND_SPOOL_FILE_HEAD + 2 * SEND_SPOOL_FILE_MAX_TEXT)
size_t send_spool_file_prefix(const struct send_spool_file *file, uint8_t ret[static SEND_SPOOL_FILE_PREFIX_MAX]);

/* Parses a file. @ret's pointers lead into @data. -EINVAL if the file is cut or damaged, or no batch. */
int send_spool_file_parse(const void *data, size_t len, struct send_spool_file *ret);

#endif
