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
 * The CRC is zlib's (ISO-HDLC), over all of the file but itself. It finds what
 * a disk or a crash has damaged; it is no protection against forgers, who would
 * have to be root anyway.
 */
#include "agent/send/record.h"

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

static uint32_t checksum_of_record(const uint8_t *prefix, size_t prefix_len, const void *body, size_t len)
{
        uLong crc = crc32_z(0, prefix, AT_CRC);

        crc = crc32_z(crc, prefix + AT_CRC + 4, prefix_len - AT_CRC - 4);
        return (uint32_t)crc32_z(crc, body, len);
}

static size_t prefix_size(const struct send_record *record)
{
        return SEND_RECORD_HEAD + record->destination_len + record->content_type_len;
}

size_t send_record_size(const struct send_record *record)
{
        return prefix_size(record) + record->len;
}

size_t send_record_prefix(const struct send_record *record, uint8_t ret[static SEND_RECORD_PREFIX_MAX])
{
        size_t len = prefix_size(record);

        memset(ret, 0, SEND_RECORD_HEAD);
        memcpy(ret, MAGIC, sizeof(MAGIC) - 1);
        put_little_endian(ret + AT_VERSION, VERSION, 4);
        put_little_endian(ret + AT_FLAGS, record->gzip ? FLAG_GZIP : 0, 4);
        put_little_endian(ret + AT_BODY_LEN, record->len, 8);
        put_little_endian(ret + AT_CREATED, record->created_ns, 8);
        memcpy(ret + AT_KEY, record->key, SEND_KEY_SIZE - 1);
        put_little_endian(ret + AT_DESTINATION_LEN, record->destination_len, 1);
        put_little_endian(ret + AT_TYPE_LEN, record->content_type_len, 1);
        memcpy(ret + SEND_RECORD_HEAD, record->destination, record->destination_len);
        memcpy(ret + SEND_RECORD_HEAD + record->destination_len, record->content_type, record->content_type_len);
        put_little_endian(ret + AT_CRC, checksum_of_record(ret, len, record->body, record->len), 4);
        return len;
}

/* It goes into a header and into a file's name. */
static bool is_key(const char *key)
{
        return strspn(key, "0123456789abcdef-") == SEND_KEY_SIZE - 1 && key[SEND_KEY_SIZE - 1] == '\0';
}

int send_record_parse(const void *data, size_t len, struct send_record *ret)
{
        const uint8_t *at = data;
        struct send_record record = { 0 };

        if (len < SEND_RECORD_HEAD || memcmp(at, MAGIC, sizeof(MAGIC) - 1) != 0 ||
            get_little_endian(at + AT_VERSION, 4) != VERSION)
                return -EINVAL;
        record.len = get_little_endian(at + AT_BODY_LEN, 8);
        record.destination_len = at[AT_DESTINATION_LEN];
        record.content_type_len = at[AT_TYPE_LEN];
        if (record.len > SEND_RECORD_MAX_BODY || send_record_size(&record) != len)
                return -EINVAL;
        record.gzip = get_little_endian(at + AT_FLAGS, 4) & FLAG_GZIP;
        record.created_ns = get_little_endian(at + AT_CREATED, 8);
        memcpy(record.key, at + AT_KEY, SEND_KEY_SIZE - 1);
        record.destination = (const char *)at + SEND_RECORD_HEAD;
        record.content_type = record.destination + record.destination_len;
        record.body = record.content_type + record.content_type_len;
        if (!is_key(record.key) ||
            get_little_endian(at + AT_CRC, 4) != checksum_of_record(at, prefix_size(&record), record.body, record.len))
                return -EINVAL;
        *ret = record;
        return 0;
}
