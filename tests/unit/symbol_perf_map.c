/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/symbol/perf_map.h"
#include "agent/symbol/symbol.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(symbol_perf_map);

#define PLENTY ((size_t)1 << 20)

static struct perf_map *map_of(const char *text)
{
        struct perf_map *map = perf_map_new(PLENTY);

        cr_assert_not_null(map);
        perf_map_feed(map, guard_copy(text, strlen(text)), strlen(text));
        return map;
}

static const char *name_in(struct perf_map *map, uint64_t address)
{
        struct perf_map_function function;

        if (perf_map_at(map, address, &function) != 0)
                return "-";
        cr_expect(address >= function.start && address - function.start < function.size);
        return function.name;
}

Test(symbol_perf_map, lines)
{
        struct perf_map *map = map_of("7f00 10 py::run:/app/main.py\n"
                                      "0x8000 0x20 with blanks in it\n"
                                      "9000 0 empty\n"
                                      "9000 10\n"
                                      "9000 10 \n"
                                      "\n"
                                      "nonsense\n"
                                      "9000 zz name\n"
                                      "fffffffffffffff8 10 wraps\n"
                                      "a000 ffffffffff too_large\n"
                                      "11112222333344445555 10 too_long\n"
                                      "B00 8 upper\n"
                                      "c000 10 not_finished");

        cr_expect_str_eq(name_in(map, 0x7f00), "py::run:/app/main.py");
        cr_expect_str_eq(name_in(map, 0x7f0f), "py::run:/app/main.py");
        cr_expect_str_eq(name_in(map, 0x7f10), "-");
        cr_expect_str_eq(name_in(map, 0x801f), "with blanks in it");
        cr_expect_str_eq(name_in(map, 0x9000), "-");
        cr_expect_str_eq(name_in(map, 0xa000), "-");
        cr_expect_str_eq(name_in(map, 0xb07), "upper");
        cr_expect_str_eq(name_in(map, UINT64_MAX), "-");
        cr_expect_str_eq(name_in(map, 0xc000), "-");
        perf_map_feed(map, "_yet\n", 5);
        cr_expect_str_eq(name_in(map, 0xc000), "not_finished_yet");
        perf_map_free(map);
}

Test(symbol_perf_map, the_last_line_counts)
{
        struct perf_map *map = map_of("1000 100 old\n2000 100 first\n1000 80 new\n1fc0 80 over\n");

        cr_expect_str_eq(name_in(map, 0x1000), "new");
        cr_expect_str_eq(name_in(map, 0x1090), "-", "the old function is gone");
        cr_expect_str_eq(name_in(map, 0x2000), "over");
        cr_expect_str_eq(name_in(map, 0x2040), "first");
        perf_map_feed(map, "2000 8 late\n", 12);
        cr_expect_str_eq(name_in(map, 0x2000), "late");
        cr_expect_str_eq(name_in(map, 0x2008), "over");
        perf_map_free(map);
}

/* However a text is cut into pieces, it says the same. */
Test(symbol_perf_map, pieces)
{
        static const char text[] = "1000 10 a\n2000 10 b b\n3000 10 c\n";

        for (size_t piece = 1; piece < sizeof(text); piece++) {
                struct perf_map *map = perf_map_new(PLENTY);

                for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
                        size_t len = sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece;

                        perf_map_feed(map, guard_copy(text + at, len), len);
                }
                cr_expect_str_eq(name_in(map, 0x1000), "a");
                cr_expect_str_eq(name_in(map, 0x200f), "b b");
                cr_expect_str_eq(name_in(map, 0x3000), "c");
                perf_map_free(map);
        }
}

/* A line of 1 GB takes no more room than one of 1 KB. */
Test(symbol_perf_map, a_line_without_an_end)
{
        struct perf_map *map = map_of("1000 10 ");
        char *piece = malloc(1 << 20);

        memset(piece, 'x', 1 << 20);
        for (unsigned i = 0; i < 1024; i++)
                perf_map_feed(map, piece, 1 << 20);
        cr_expect_lt(perf_map_bytes(map), 65536);
        perf_map_feed(map, "\n2000 10 next\n", 14);
        cr_expect_eq(strlen(name_in(map, 0x1000)), 1024 - strlen("1000 10 "));
        cr_expect_str_eq(name_in(map, 0x2000), "next");
        free(piece);
        perf_map_free(map);
}

Test(symbol_perf_map, so_many_functions_and_no_more)
{
        enum { MANY = 200000 };
        struct perf_map *map = perf_map_new(PLENTY);
        char *many = malloc(MANY * 64);
        size_t len = 0;

        for (unsigned i = 0; i < MANY; i++)
                len += (size_t)sprintf(many + len, "%x 10 function_number_%u\n", i * 16, i);
        perf_map_feed(map, many, len);
        cr_expect_leq(perf_map_bytes(map), PLENTY);
        cr_expect_str_eq(name_in(map, 5000 * 16), "function_number_5000");
        cr_expect_str_eq(name_in(map, (MANY - 1) * 16), "-");
        free(many);
        perf_map_free(map);
        perf_map_free(NULL);
}
