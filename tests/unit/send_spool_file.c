/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/send/spool_file.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(send_spool_file);

static const struct send_spool_file sample = {
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

/* The file of @parsed; the test's process owns it. */
static char *make_file(const struct send_spool_file *parsed, size_t *ret_len)
{
        uint8_t bytes[4096];
        size_t len = send_spool_file_prefix(parsed, bytes);

        memcpy(bytes + len, parsed->body, parsed->len);
        *ret_len = len + parsed->len;
        cr_assert_eq(*ret_len, send_spool_file_size(parsed));
        return guard_copy(bytes, *ret_len);
}

Test(send_spool_file, comes_back_as_it_was)
{
        struct send_spool_file parsed;
        size_t len;
        char *file = make_file(&sample, &len);

        cr_assert_eq(len, 80 + 9 + 16 + 18);
        cr_assert_eq(memcmp(file, "PFSPOOL\n\1\0\0\0\1\0\0\0\x12\0\0\0\0\0\0\0\x8\7\6\5\4\3\2\1", 32), 0);
        cr_assert_eq(send_spool_file_parse(file, len, &parsed), 0);
        cr_assert_eq(parsed.created_ns, sample.created_ns);
        cr_assert_str_eq(parsed.key, sample.key);
        cr_assert(parsed.gzip);
        cr_assert_eq(memcmp(parsed.destination, "otlp-host", parsed.destination_len), 0);
        cr_assert_eq(memcmp(parsed.content_type, "application/json", parsed.content_type_len), 0);
        cr_assert_eq(parsed.len, sample.len);
        cr_assert_eq(memcmp(parsed.body, sample.body, sample.len), 0);
}

/* Whatever bit turns over, whatever is cut off or added: it is noticed. */
Test(send_spool_file, damage_is_noticed)
{
        struct send_spool_file parsed;
        size_t len;
        char *file = make_file(&sample, &len);

        for (size_t i = 0; i < len * 8; i++) {
                file[i / 8] ^= (char)(1 << i % 8);
                cr_expect_eq(send_spool_file_parse(file, len, &parsed), -EINVAL, "bit %zu", i);
                file[i / 8] ^= (char)(1 << i % 8);
        }
        for (size_t n = 0; n < len; n++)
                cr_expect_eq(send_spool_file_parse(guard_copy(file, n), n, &parsed), -EINVAL, "%zu bytes", n);
        char more[256] = { 0 };
        memcpy(more, file, len);
        cr_expect_eq(send_spool_file_parse(more, len + 1, &parsed), -EINVAL);
        cr_expect_eq(send_spool_file_parse(file, len, &parsed), 0);
}

/* Undamaged, but of a kind that we never write. */
Test(send_spool_file, forged_heads)
{
        static const char *const keys[] = {
                "",
                "734fd599",
                "734fd599-6865-419e-9475-932762d8f46G",
                "../../../../../../../../../etc/shadow",
                "734fd599-6865-419e-9475-93276\r\nX: yyy",
        };
        struct send_spool_file parsed = sample;
        size_t len;

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                memset(parsed.key, 0, sizeof(parsed.key));
                memcpy(parsed.key, keys[i], strnlen(keys[i], sizeof(parsed.key) - 1));
                char *file = make_file(&parsed, &len);
                cr_expect_eq(send_spool_file_parse(file, len, &parsed), -EINVAL, "%s", keys[i]);
                parsed = sample;
        }
        parsed.len = 0;
        parsed.destination_len = parsed.content_type_len = 0;
        char *file = make_file(&parsed, &len);
        cr_expect_eq(send_spool_file_parse(file, len, &parsed), 0, "nothing is a body, too");
}
