/* SPDX-License-Identifier: Apache-2.0 */
/* Line tables in each encoding; expected lines are what the interpreters' own co_lines()/dis say. */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/decode/lines.h"

#include <stdlib.h>

SUITE(pystack_lines);

struct expectation {
        int32_t at;
        uint32_t line;
};

static void check(enum layout_lines kind, const uint8_t *table, size_t len, uint32_t first,
                  const struct expectation *expected, size_t n)
{
        const uint8_t *guarded = (const uint8_t *)guard_copy(table, len);

        for (size_t i = 0; i < n; i++)
                cr_expect_eq(lines_find(kind, guarded, len, first, expected[i].at), expected[i].line,
                             "at %d: %u, not %u", expected[i].at, lines_find(kind, guarded, len, first, expected[i].at),
                             expected[i].line);
}

#define CHECK(kind, first, table, ...)                                                                 \
        do {                                                                                           \
                static const uint8_t bytes[] = table;                                                  \
                static const struct expectation expected[] = { __VA_ARGS__ };                          \
                check(kind, bytes, sizeof bytes, first, expected, sizeof expected / sizeof *expected); \
        } while (0)
#define BYTES(...)          \
        {                   \
                __VA_ARGS__ \
        }

Test(pystack_lines, before_the_first_instruction_is_the_first_line)
{
        CHECK(LINES_LNOTAB_SIGNED, 7, BYTES(0, 1, 8, 1), { -1, 7 });
        CHECK(LINES_RANGES, 7, BYTES(2, 1, 8, 1), { -1, 7 });
        CHECK(LINES_LOCATIONS, 7, BYTES(0xe8, 2), { -1, 7 });
}

Test(pystack_lines, lnotab_accumulates)
{
        CHECK(LINES_LNOTAB_SIGNED, 10, BYTES(0, 1, 8, 1, 4, 255, 6, 3), { 0, 11 }, { 7, 11 }, { 8, 12 }, { 11, 12 },
              { 12, 11 }, { 17, 11 }, { 18, 14 }, { 1000, 14 });
}

Test(pystack_lines, lnotab_of_old_versions_is_unsigned)
{
        CHECK(LINES_LNOTAB_UNSIGNED, 10, BYTES(4, 255, 2, 45), { 0, 10 }, { 4, 265 }, { 6, 310 });
}

Test(pystack_lines, lnotab_splits_long_steps)
{
        CHECK(LINES_LNOTAB_SIGNED, 1, BYTES(255, 0, 45, 127, 0, 73), { 254, 1 }, { 299, 1 }, { 300, 201 });
}

Test(pystack_lines, ranges_of_3_10)
{
        CHECK(LINES_RANGES, 5, BYTES(2, 1, 6, 1, 4, 0x80, 2, 0xfe), { 0, 6 }, { 1, 6 }, { 2, 7 }, { 7, 7 }, { 8, 0 },
              { 11, 0 }, { 12, 5 }, { 14, 0 });
}

/*
 * def f():
 *     return 1
 * on 3.11: RESUME at line 1 (code 10: same line, 2 bytes of columns); two units on the next line.
 */
Test(pystack_lines, locations_of_3_11)
{
        CHECK(LINES_LOCATIONS, 1, BYTES(0x80 | 10 << 3, 0, 0, 0x80 | 11 << 3 | 1, 11, 12), { 0, 1 }, { 1, 1 }, { 2, 2 },
              { 5, 2 }, { 6, 0 });
}

Test(pystack_lines, locations_with_long_and_negative_steps)
{
        /* code 13, svarint +100 (200 = 8 + 3*64: 0x48 0x03); code 14, svarint -2 and three varints; code 15 */
        CHECK(LINES_LOCATIONS, 50,
              BYTES(0x80 | 13 << 3, 0x48, 0x03, 0x80 | 14 << 3, 5, 0, 1, 2, 0x80 | 15 << 3, 0x80, 3), { 0, 150 },
              { 2, 148 }, { 4, 0 }, { 6, 148 });
}

Test(pystack_lines, any_bytes_are_survived)
{
        unsigned seed = 1;

        for (int round = 0; round < 20000; round++) {
                uint8_t bytes[24];
                size_t len = (size_t)rand_r(&seed) % (sizeof bytes + 1);
                for (size_t i = 0; i < len; i++)
                        bytes[i] = (uint8_t)rand_r(&seed);
                static char *page;
                if (!page)
                        page = guard_copy(bytes, sizeof bytes) + sizeof bytes;
                uint8_t *end = (uint8_t *)page - len;
                for (size_t i = 0; i < len; i++)
                        end[i] = bytes[i];
                for (int kind = LINES_LNOTAB_UNSIGNED; kind <= LINES_LOCATIONS; kind++)
                        lines_find((enum layout_lines)kind, end, len, (uint32_t)rand_r(&seed) % 100,
                                   (int32_t)(rand_r(&seed) % 512) - 1);
        }
        cr_assert(true);
}
