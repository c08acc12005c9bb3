/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a batch. Numbers are little-endian:
 *
 *    0  "PFSPOOL\n"            40  the key, filled up with zeros
 *    8  version, u32           76  length of the destination, u8
 *   12  flags, u32             77  length of the content type, u8
 *   16  length of body, u64    78  zeros
 *   24  created, u64
 *   32  CRC-32, u32; zeros     80  destination, content type, body
 *
 * The CRC is zlib's (ISO-HDLC), over the whole file except the CRC itself. It finds damage by a disk or a crash. It
 * does not protect against forgers, who would have to be root anyway.
 */
#include "agent/send/spool_file.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define MAGIC "PFSPOOL\n"
#define VERSION 1

enum {
        AT_VERSION = 8,
        AT_FLAGS = 12,
        AT_BODY_LEN = 16,
        AT_CREATED = 24,
        AT_CRC = 32,
        AT_KEY = 40,
        AT_DESTINATION_LEN = 76,
        AT_TYPE_LEN = 77,
};

#define FLAG_GZIP 1u

static void put_little_endian(uint8_t *at, uint64_t value, size_t size)
{
        for (size_t i = 0; i < size; i++)
                at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_little_endian(const uint8_t *at, size_t size)
{
        uint64_t value = 0;

        for (size_t i = 0; i < size; i++)
                value |= (uint64_t)at[i] << (8 * i);
        return value;
}

static uint32_t checksum_of_file(const uint8_t *prefix, size_t prefix_len, const void *body, size_t len)
{
        uLong crc = crc32_z(0, prefix, AT_CRC);

        crc = crc32_z(crc, prefix + AT_CRC + 4, prefix_len - AT_CRC - 4);
        return (uint32_t)crc32_z(crc, body, len);
}

static size_t prefix_size(const struct send_spool_file *file)
{
        return SEND_SPOOL_FILE_HEAD + file->destination_len + file->content_type_len;
}

size_t send_spool_file_size(const struct send_spool_file *file)
{
        return prefix_size(file) + file->len;
}

size_t send_spool_file_prefix(const struct send_spool_file *file, uint8_t ret[static SEND_SPOOL_FILE_PREFIX_MAX])
{
        size_t len = prefix_size(file);

        memset(ret, 0, SEND_SPOOL_FILE_HEAD);
        memcpy(ret, MAGIC, sizeof(MAGIC) - 1);
        put_little_endian(ret + AT_VERSION, VERSION, 4);
        put_little_endian(ret + AT_FLAGS, file->gzip ? FLAG_GZIP : 0, 4);
        put_little_endian(ret + AT_BODY_LEN, file->len, 8);
        put_little_endian(ret + AT_CREATED, file->created_ns, 8);
        memcpy(ret + AT_KEY, file->key, SEND_KEY_SIZE - 1);
        put_little_endian(ret + AT_DESTINATION_LEN, file->destination_len, 1);
        put_little_endian(ret + AT_TYPE_LEN, file->content_type_len, 1);
        memcpy(ret + SEND_SPOOL_FILE_HEAD, file->destination, file->destination_len);
        memcpy(ret + SEND_SPOOL_FILE_HEAD + file->destination_len, file->content_type, file->content_type_len);
        put_little_endian(ret + AT_CRC, checksum_of_file(ret, len, file->body, file->len), 4);
        return len;
}

/* Whether a key is well-formed: it becomes part of a header and of a file's name. */
static bool is_key(const char *key)
{
        return strspn(key, "0123456789abcdef-") == SEND_KEY_SIZE - 1 && key[SEND_KEY_SIZE - 1] == '\0';
}

int send_spool_file_parse(const void *data, size_t len, struct send_spool_file *ret)
{
        const uint8_t *at = data;
        struct send_spool_file file = { 0 };

        if (len < SEND_SPOOL_FILE_HEAD || memcmp(at, MAGIC, sizeof(MAGIC) - 1) != 0 ||
            get_little_endian(at + AT_VERSION, 4) != VERSION)
                return -EINVAL;
        file.len = get_little_endian(at + AT_BODY_LEN, 8);
        file.destination_len = at[AT_DESTINATION_LEN];
        file.content_type_len = at[AT_TYPE_LEN];
        if (file.len > SEND_SPOOL_FILE_MAX_BODY || send_spool_file_size(&file) != len)
                return -EINVAL;
        file.gzip = get_little_endian(at + AT_FLAGS, 4) & FLAG_GZIP;
        file.created_ns = get_little_endian(at + AT_CREATED, 8);
        memcpy(file.key, at + AT_KEY, SEND_KEY_SIZE - 1);
        file.destination = (const char *)at + SEND_SPOOL_FILE_HEAD;
        file.content_type = file.destination + file.destination_len;
        file.body = file.content_type + file.content_type_len;
        if (!is_key(file.key) ||
            get_little_endian(at + AT_CRC, 4) != checksum_of_file(at, prefix_size(&file), file.body, file.len))
                return -EINVAL;
        *ret = file;
        return 0;
}
