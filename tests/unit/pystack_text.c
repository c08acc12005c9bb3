/* SPDX-License-Identifier: Apache-2.0 */
/* Python strings to UTF-8: all widths, what is not printable, and lengths that lie. */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/text.h"

#include <stdlib.h>
#include <string.h>

SUITE(pystack_text);

static void check(const void *chars, uint32_t n, uint32_t width, const char *expected)
{
        struct text_ref ref = { .chars = n, .width = width };
        char *text;

        cr_assert_eq(text_encode(&ref, (const uint8_t *)guard_copy(chars, n * width), &text), 0);
        cr_expect_str_eq(text, expected);
        free(text);
}

Test(pystack_text, every_width)
{
        check("plain", 5, 1, "plain");
        check("caf\xe9", 4, 1, "caf\xc3\xa9");
        check((const uint16_t[]){ 0x6f22, 0x5b57 }, 2, 2, "\xe6\xbc\xa2\xe5\xad\x97");
        check((const uint32_t[]){ 0x1f4a9, 'x' }, 2, 4, "\xf0\x9f\x92\xa9x");
        check("", 0, 1, "");
}

Test(pystack_text, what_is_not_printable_is_spelled_out)
{
        check("a\n\x1b[31m\x7f\x80", 9, 1, "a\\x0a\\x1b[31m\\x7f\\x80");
        check((const uint16_t[]){ 0xdc80, 0xd800 }, 2, 2, "\\udc80\\ud800");
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

Test(pystack_text, locates_the_data)
{
        const struct layout *layout = layout_find(0x030c01f0);
        static const struct {
                uint32_t state;
                uint64_t data;
                uint32_t width;
        } rows[] = {
                { 1 << 2 | 0x20 | 0x40, 0x1000 + 40, 1 }, { 1 << 2 | 0x20, 0x1000 + 56, 1 },
                { 2 << 2 | 0x20, 0x1000 + 56, 2 },        { 4 << 2 | 0x20, 0x1000 + 56, 4 },
                { 4 << 2, 0, 4 },
        };
        uint8_t header[64];

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct text_ref ref;
                make_header(header, 9, rows[i].state);
                cr_assert_eq(text_locate(layout, 0x1000, header, &ref), 0);
                cr_expect_eq(ref.data, rows[i].data);
                cr_expect_eq(ref.width, rows[i].width);
                cr_expect_eq(ref.chars, 9);
                cr_expect_eq(ref.pointer, 0x1000 + 56);
        }
}

Test(pystack_text, refuses_what_is_no_string_and_cuts_what_is_too_long)
{
        const struct layout *layout = layout_find(0x030c01f0);
        uint8_t header[64];
        struct text_ref ref;

        make_header(header, 3, 3 << 2 | 0x20);
        cr_expect_eq(text_locate(layout, 0x1000, header, &ref), PYSTACK_E_CORRUPT);
        make_header(header, UINT64_MAX, 1 << 2 | 0x60);
        cr_expect_eq(text_locate(layout, 0x1000, header, &ref), PYSTACK_E_CORRUPT);
        make_header(header, 1 << 20, 1 << 2 | 0x60);
        cr_assert_eq(text_locate(layout, 0x1000, header, &ref), 0);
        cr_expect_eq(ref.chars, TEXT_MAX_CHARS);
        cr_expect(ref.cut);
}
