/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/pack.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(collect_pack);

Test(collect_pack, comes_back)
{
        static const uint64_t edges[] = { 0, 1, 0x7f, 0x80, 0x3fff, 0x4000, UINT32_MAX, INT64_MAX, UINT64_MAX };
        struct pack pack = { 0 };
        uint64_t values[2000];
        size_t n = sizeof(values) / sizeof(values[0]);

        srand(11);
        for (size_t i = 0; i < n; i++) {
                values[i] = i < sizeof(edges) / sizeof(edges[0])
                                    ? edges[i]
                                    : ((uint64_t)rand() << 33 ^ (uint64_t)rand()) >> rand() % 64;
                collect_pack(&pack, values[i]);
        }
        cr_assert_not(pack.failed);
        const uint8_t *data = (const uint8_t *)guard_copy(pack.data, pack.len);
        struct unpack in = { .at = data, .end = data + pack.len };
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(collect_unpack(&in), values[i]);
        cr_assert_not(in.failed);
        cr_assert_eq(in.at, in.end);
        cr_assert_eq(collect_unpack(&in), 0);
        cr_assert(in.failed);
        free(pack.data);
}

Test(collect_pack, known_bytes)
{
        struct pack pack = { 0 };

        collect_pack(&pack, 300);
        collect_pack(&pack, 5);
        cr_assert_eq(pack.len, 3);
        cr_assert_eq(memcmp(pack.data, "\xac\x02\x05", 3), 0);
        free(pack.data);
}

Test(collect_pack, broken_numbers)
{
        static const char *const rows[] = { "\x80", "\xff\xff", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
                                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const uint8_t *data = (const uint8_t *)guard_copy(rows[i], strlen(rows[i]));
                struct unpack in = { .at = data, .end = data + strlen(rows[i]) };

                cr_expect_eq(collect_unpack(&in), 0, "row %zu", i);
                cr_expect(in.failed, "row %zu", i);
        }
}
