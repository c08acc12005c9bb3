/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/record.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(send_record);

static const struct send_record sample = {
        .created_ns = 0x0102030405060708,
        .key = "734fd599-6865-419e-9475-932762d8f469",
        .gzip = true,
        .destination = "otlp-host",
        .destination_len = 9,
        .content_type = "application/json",
        .content_type_len = 16,
        .body = "a body\0with a zero",
        .len = 18,
};

/* The file of @record; the test's process owns it. */
static char *make_file(const struct send_record *record, size_t *ret_len)
{
        uint8_t bytes[4096];
        size_t len = send_record_prefix(record, bytes);

        memcpy(bytes + len, record->body, record->len);
        *ret_len = len + record->len;
        cr_assert_eq(*ret_len, send_record_size(record));
        return guard_copy(bytes, *ret_len);
}

Test(send_record, comes_back_as_it_was)
{
        struct send_record record;
        size_t len;
        char *file = make_file(&sample, &len);

        cr_assert_eq(len, 80 + 9 + 16 + 18);
        cr_assert_eq(memcmp(file, "PFSPOOL\n\1\0\0\0\1\0\0\0\x12\0\0\0\0\0\0\0\x8\7\6\5\4\3\2\1", 32), 0);
        cr_assert_eq(send_record_parse(file, len, &record), 0);
        cr_assert_eq(record.created_ns, sample.created_ns);
        cr_assert_str_eq(record.key, sample.key);
        cr_assert(record.gzip);
        cr_assert_eq(memcmp(record.destination, "otlp-host", record.destination_len), 0);
        cr_assert_eq(memcmp(record.content_type, "application/json", record.content_type_len), 0);
        cr_assert_eq(record.len, sample.len);
        cr_assert_eq(memcmp(record.body, sample.body, sample.len), 0);
}

/* Whatever bit turns over, whatever is cut off or added: it is noticed. */
Test(send_record, damage_is_noticed)
{
        struct send_record record;
        size_t len;
        char *file = make_file(&sample, &len);

        for (size_t i = 0; i < len * 8; i++) {
                file[i / 8] ^= (char)(1 << i % 8);
                cr_expect_eq(send_record_parse(file, len, &record), -EINVAL, "bit %zu", i);
                file[i / 8] ^= (char)(1 << i % 8);
        }
        for (size_t n = 0; n < len; n++)
                cr_expect_eq(send_record_parse(guard_copy(file, n), n, &record), -EINVAL, "%zu bytes", n);
        char more[256] = { 0 };
        memcpy(more, file, len);
        cr_expect_eq(send_record_parse(more, len + 1, &record), -EINVAL);
        cr_expect_eq(send_record_parse(file, len, &record), 0);
}

/* Undamaged, but of a kind that we never write. */
Test(send_record, forged_heads)
{
        static const char *const keys[] = {
                "",
                "734fd599",
                "734fd599-6865-419e-9475-932762d8f46G",
                "../../../../../../../../../etc/shadow",
                "734fd599-6865-419e-9475-93276\r\nX: yyy",
        };
        struct send_record record = sample;
        size_t len;

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                memset(record.key, 0, sizeof(record.key));
                memcpy(record.key, keys[i], strnlen(keys[i], sizeof(record.key) - 1));
                char *file = make_file(&record, &len);
                cr_expect_eq(send_record_parse(file, len, &record), -EINVAL, "%s", keys[i]);
                record = sample;
        }
        record.len = 0;
        record.destination_len = record.content_type_len = 0;
        char *file = make_file(&record, &len);
        cr_expect_eq(send_record_parse(file, len, &record), 0, "nothing is a body, too");
}
