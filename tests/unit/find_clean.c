/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(find_clean);

static void expect(const char *text, size_t len, size_t size, const char *expected)
{
        static const char room[64];
        char *ret = guard_copy(room, size);

        find_clean(guard_copy(text, len), len, ret, size);
        cr_expect_str_eq(ret, expected, "%s instead of %s", ret, expected);
}

Test(find_clean, known_answers)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "", "" },
                { "web-1_a.b", "web-1_a.b" },
                { "caf\xc3\xa9 \xe6\xb8\xac \xf0\x9f\x90\x8d", "caf\xc3\xa9 \xe6\xb8\xac \xf0\x9f\x90\x8d" },
                { "a\033[31mb\r\n\t\x7f", "a?[31mb????" },
                { "\xc2\x9b"
                  "31m",
                  "?31m" }, /* CSI as one code point */
                { "a\xe2\x80\xae"
                  "b",
                  "a?b" }, /* right-to-left override */
                { "\xff\xfe\x80", "???" },
                { "\xc3", "?" }, /* cut */
                { "\xe2\x82", "??" },
                { "\xc0\xaf", "??" }, /* overlong slash */
                { "\xe0\x80\xaf", "???" },
                { "\xf0\x80\x80\xaf", "????" },
                { "\xed\xa0\x80", "?" },        /* surrogate */
                { "\xf4\x90\x80\x80", "????" }, /* beyond Unicode */
                { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                expect(cases[i].text, strlen(cases[i].text), 64, cases[i].expected);
        expect("a\0b", 3, 64, "a?b");
}

Test(find_clean, cuts_between_characters)
{
        expect("abcdef", 6, 1, "");
        expect("abcdef", 6, 6, "abcde");
        expect("abcdef", 6, 7, "abcdef");
        expect("ab\xe6\xb8\xac", 5, 5, "ab");
        expect("ab\xe6\xb8\xac", 5, 6, "ab\xe6\xb8\xac");
}

/* What is clean stays as it is, whatever it was made from. */
Test(find_clean, cleaning_twice_changes_nothing)
{
        srand(3);
        for (int i = 0; i < 3000; i++) {
                char text[40], once[64], twice[64];

                for (size_t j = 0; j < sizeof(text); j++)
                        text[j] = (char)rand();
                find_clean(text, sizeof(text), once, sizeof(once));
                find_clean(once, strlen(once), twice, sizeof(twice));
                cr_assert_str_eq(once, twice);
        }
}

Test(find_clean, basenames)
{
        cr_expect_str_eq(find_basename("/usr/bin/python3"), "python3");
        cr_expect_str_eq(find_basename("python3"), "python3");
        cr_expect_str_eq(find_basename("/usr/"), "");
        cr_expect_str_eq(find_basename(""), "");
}

static void expect_variable(const char *text, size_t len, const char *expected)
{
        size_t value_len = 77;
        const char *value = find_environ_get(guard_copy(text, len), len, "NAME", &value_len);

        if (!expected) {
                cr_expect_null(value);
                cr_expect_eq(value_len, 77);
                return;
        }
        cr_assert_not_null(value);
        cr_expect_eq(value_len, strlen(expected));
        cr_expect_eq(memcmp(value, expected, value_len), 0);
}

#define VARIABLES(text) text, sizeof(text) - 1

Test(find_clean, variables)
{
        expect_variable(VARIABLES("A=b\0NAME=shop\0C=d\0"), "shop");
        expect_variable(VARIABLES("NAME=shop"), "shop");
        expect_variable(VARIABLES("NAME=a=b\0NAME=c\0"), "a=b");
        expect_variable(VARIABLES("NAME=\0NAME=c\0"), "c");
        expect_variable(VARIABLES("XNAME=a\0NAMES=b\0NAME\0\0=NAME=\0"), NULL);
        expect_variable(VARIABLES("NAME="), NULL);
        expect_variable(VARIABLES("NAM"), NULL);
        expect_variable(VARIABLES(""), NULL);
}
