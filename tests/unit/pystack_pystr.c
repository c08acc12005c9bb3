/* SPDX-License-Identifier: Apache-2.0 */
/* Python strings to UTF-8: all widths, what is not printable, and lengths that lie. */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/decode/pystr.h"

#include <stdlib.h>
#include <string.h>

SUITE(pystack_pystr);

static void check(const void *chars, uint32_t n, uint32_t width, const char *expected)
{
        struct pystr ref = { .chars = n, .width = width };
        char text[PYSTACK_TEXT_SIZE];

        pystr_encode(&ref, (const uint8_t *)guard_copy(chars, n * width), text);
        cr_expect_str_eq(text, expected);
}

Test(pystack_pystr, every_width)
{
        check("plain", 5, 1, "plain");
        check("caf\xe9", 4, 1, "caf\xc3\xa9");
        check((const uint16_t[]){ 0x6f22, 0x5b57 }, 2, 2, "\xe6\xbc\xa2\xe5\xad\x97");
        check((const uint32_t[]){ 0x1f4a9, 'x' }, 2, 4, "\xf0\x9f\x92\xa9x");
        check("", 0, 1, "");
}

Test(pystack_pystr, what_is_not_printable_is_spelled_out)
{
        check("a\n\x1b[31m\x7f\x80", 9, 1, "a\\x0a\\x1b[31m\\x7f\\u0080");
        check((const uint16_t[]){ 0xdc80, 0xd800 }, 2, 2, "\\udc80\\ud800");
        check((const uint16_t[]){ 0x202e, 0x2028, 0x200b, 0xfeff }, 4, 2, "\\u202e\\u2028\\u200b\\ufeff");
        check((const uint32_t[]){ 0x110000, 0xffffffff }, 2, 4, "\\U00110000\\Uffffffff");
        check("\0", 1, 1, "\\x00");
}

/* A 3.12 string object's header. */
static void make_header(uint8_t header[static 64], uint64_t length, uint32_t state)
{
        memset(header, 0, 64);
        memcpy(header + 16, &length, 8);
        memcpy(header + 32, &state, 4);
}

Test(pystack_pystr, locates_the_data)
{
        const struct layout *layout = layout_find(0x030c01f0);
        static const struct {
                uint32_t state;
                uint64_t data;
                uint32_t width;
        } rows[] = {
                { 1 << 2 | 0x20 | 0x40, 0x1000 + 40, 1 },
                { 1 << 2 | 0x20, 0x1000 + 56, 1 },
                { 2 << 2 | 0x20, 0x1000 + 56, 2 },
                { 4 << 2 | 0x20, 0x1000 + 56, 4 },
                { 4 << 2, 0, 4 },
        };
        uint8_t header[64];

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct pystr ref;
                make_header(header, 9, rows[i].state);
                cr_assert_eq(pystr_locate(layout, 0x1000, header, &ref), 0);
                cr_expect_eq(ref.data, rows[i].data);
                cr_expect_eq(ref.width, rows[i].width);
                cr_expect_eq(ref.chars, 9);
                cr_expect_eq(ref.pointer, 0x1000 + 56);
        }
}

Test(pystack_pystr, refuses_what_is_no_string_and_cuts_what_is_too_long)
{
        const struct layout *layout = layout_find(0x030c01f0);
        uint8_t header[64];
        struct pystr ref;

        make_header(header, 3, 3 << 2 | 0x20);
        cr_expect_eq(pystr_locate(layout, 0x1000, header, &ref), PYSTACK_E_CORRUPT);
        make_header(header, UINT64_MAX, 1 << 2 | 0x60);
        cr_expect_eq(pystr_locate(layout, 0x1000, header, &ref), PYSTACK_E_CORRUPT);
        make_header(header, 1 << 20, 1 << 2 | 0x60);
        cr_assert_eq(pystr_locate(layout, 0x1000, header, &ref), 0);
        cr_expect_eq(ref.chars, PYSTR_MAX_CHARS);
        cr_expect(ref.cut);
}

/* ---- 2.x ------------------------------------------------------------------------ */

static void check_bytes(const char *bytes, const char *expected)
{
        struct pystr ref = { .chars = (uint32_t)strlen(bytes), .width = 1, .utf8 = true };
        char text[PYSTACK_TEXT_SIZE];

        pystr_encode(&ref, (const uint8_t *)guard_copy(bytes, ref.chars), text);
        cr_expect_str_eq(text, expected, "%s", text);
}

Test(pystack_pystr, bytes_are_taken_for_utf8_if_they_are)
{
        check_bytes("plain", "plain");
        check_bytes("caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x92\xa9", "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x92\xa9");
        check_bytes("", "");
}

Test(pystack_pystr, bytes_that_are_no_utf8_are_spelled_out)
{
        check_bytes("caf\xe9", "caf\\xe9");
        check_bytes("\xe6\xbc", "\\xe6\\xbc");          /* cut short */
        check_bytes("\xc0\x80", "\\xc0\\x80");          /* longer than needed */
        check_bytes("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
        check_bytes("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
        check_bytes("\xff\x80x", "\\xff\\x80x");
        check_bytes("a\n\xc2\x85", "a\\x0a\\u0085"); /* control characters, of one byte and of two */
}

/* Each pair would be the same if a backslash in a name, or a byte, were written like an escape. */
Test(pystack_pystr, different_names_stay_different)
{
        check("new\\x0aline.py", 14, 1, "new\\\\x0aline.py");
        check("new\nline.py", 11, 1, "new\\x0aline.py");
        check((const uint16_t[]){ '\\', 'u', 'd', 'c', '8', '0' }, 6, 2, "\\\\udc80");
        check((const uint16_t[]){ 0xdc80 }, 1, 2, "\\udc80");
        check_bytes("\x85", "\\x85");
        check_bytes("\xc2\x85", "\\u0085");
        check_bytes("a\\b", "a\\\\b");
}

Test(pystack_pystr, is_cut_between_escapes)
{
        char room[8];

        pystack_escape("ab\ncd", 5, room, 6);
        cr_expect_str_eq(room, "ab");
        pystack_escape("ab\ncd", 5, room, 8);
        cr_expect_str_eq(room, "ab\\x0ac");
        pystack_escape("\\", 1, room, 2);
        cr_expect_str_eq(room, "");
}

Test(pystack_pystr, any_bytes_are_survived)
{
        unsigned seed = 5;

        for (int round = 0; round < 2000; round++) {
                char bytes[12];
                size_t len = (size_t)rand_r(&seed) % sizeof bytes;
                for (size_t i = 0; i < len; i++)
                        bytes[i] = (char)(rand_r(&seed) % 2 ? 0xc0 + rand_r(&seed) % 64 : 1 + rand_r(&seed) % 255);
                struct pystr ref = { .chars = (uint32_t)len, .width = 1, .utf8 = true };
                static char *page;
                char text[PYSTACK_TEXT_SIZE];
                if (!page)
                        page = guard_copy(bytes, sizeof bytes) + sizeof bytes;
                memcpy(page - len, bytes, len);
                pystr_encode(&ref, (const uint8_t *)page - len, text);
                for (const char *c = text; *c; c++)
                        cr_expect_geq((unsigned char)*c, 0x20);
        }
}

Test(pystack_pystr, locates_bytes)
{
        const struct layout *layout = layout_find(0x020712f0);
        uint8_t header[64] = { [16] = 9 };
        struct pystr ref;

        cr_expect_leq(pystr_header_size(layout), 40);
        cr_assert_eq(pystr_locate(layout, 0x1000, header, &ref), 0);
        cr_expect_eq(ref.data, 0x1000 + 36);
        cr_expect_eq(ref.chars, 9);
        cr_expect(ref.utf8);
        memset(header + 16, 0xff, 8);
        cr_expect_eq(pystr_locate(layout, 0x1000, header, &ref), PYSTACK_E_CORRUPT);
}
