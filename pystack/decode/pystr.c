/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Python's strings (PEP 393; the byte strings of 2.x) to UTF-8. The names of a target end up on terminals and in
 * other people's tools, so nothing unprintable passes. Different names stay different: an escape begins with a
 * backslash, and a backslash in the name is doubled. \xNN is a character if NN is at most 7f. Otherwise it is a byte
 * that is no UTF-8.
 *
 * In 2.x names and file names are always byte strings: PyCode_New() refuses others.
 */
#include "pystr.h"

#include <assert.h>
#include <string.h>

size_t pystr_header_size(const struct layout *layout)
{
        return layout->text == TEXT_BYTES ? layout->string.ascii_data : layout->string.compact_data;
}

static int locate_bytes(const struct layout *layout, uint64_t addr, uint64_t length, struct pystr *ret)
{
        if (length > INT64_MAX)
                return PYSTACK_E_CORRUPT;
        *ret = (struct pystr){
                .data = addr + layout->string.ascii_data,
                .chars = length > PYSTR_MAX_CHARS ? PYSTR_MAX_CHARS : (uint32_t)length,
                .width = 1,
                .utf8 = true,
                .cut = length > PYSTR_MAX_CHARS,
        };
        return 0;
}

int pystr_locate(const struct layout *layout, uint64_t addr, const uint8_t *header, struct pystr *ret)
{
        uint64_t length;
        uint32_t state;

        memcpy(&length, header + layout->string.length, sizeof length);
        if (layout->text == TEXT_BYTES)
                return locate_bytes(layout, addr, length, ret);
        memcpy(&state, header + layout->string.state, sizeof state);
        uint32_t kind = (state >> layout->string.kind_shift) & 7;
        if ((kind != 1 && kind != 2 && kind != 4) || length > INT64_MAX / 8)
                return PYSTACK_E_CORRUPT;

        bool compact = state & layout->string.compact_bit;
        bool ascii = state & layout->string.ascii_bit;
        *ret = (struct pystr){
                .data = compact ? addr + (ascii ? layout->string.ascii_data : layout->string.compact_data) : 0,
                .pointer = addr + layout->string.data_pointer,
                .chars = length > PYSTR_MAX_CHARS ? PYSTR_MAX_CHARS : (uint32_t)length,
                .width = kind,
                .cut = length > PYSTR_MAX_CHARS,
        };
        return 0;
}

static uint32_t char_at(const uint8_t *data, uint32_t width, size_t i)
{
        uint32_t c = 0;

        memcpy(&c, data + i * width, width);
        return c;
}

/* Without printf(), which is slow: a target can have names that are all escapes. */
static char *put_hex(char *out, char letter, unsigned digits, uint32_t value)
{
        *out++ = '\\';
        *out++ = letter;
        while (digits-- > 0)
                *out++ = "0123456789abcdef"[value >> 4 * digits & 15];
        return out;
}

static char *put_byte(char *out, uint32_t byte)
{
        return put_hex(out, 'x', 2, byte);
}

static char *put_escape(char *out, uint32_t c)
{
        if (c < 0x80)
                return put_byte(out, c);
        return c <= 0xffff ? put_hex(out, 'u', 4, c) : put_hex(out, 'U', 8, c);
}

/* Ranges, both ends included. */
static const struct {
        uint32_t first, last;
} unprintable[] = {
        { 0x00, 0x1f },           /* C0 controls */
        { 0x7f, 0x9f },           /* DEL, C1 */
        { 0x200b, 0x200f },       /* zero width, direction marks */
        { 0x2028, 0x202e },       /* line and paragraph separators, direction */
        { 0x2060, 0x2069 },       /* word joiner, direction */
        { 0xd800, 0xdfff },       /* surrogates */
        { 0xfeff, 0xfeff },       /* byte order mark */
        { 0x110000, UINT32_MAX }, /* no characters */
};

static bool is_printable(uint32_t c)
{
        for (size_t i = 0; i < sizeof unprintable / sizeof *unprintable; i++)
                if (c >= unprintable[i].first && c <= unprintable[i].last)
                        return false;
        return true;
}

/* Whether it is itself in the output. That is so for nearly all characters. */
static bool is_plain(uint32_t c)
{
        return c >= ' ' && c < 0x7f && c != '\\';
}

static char *put_char(char *out, uint32_t c)
{
        if (is_plain(c)) {
                *out++ = (char)c;
                return out;
        }
        if (!is_printable(c))
                return put_escape(out, c);
        if (c == '\\')
                *out++ = '\\';
        if (c < 0x80) {
                *out++ = (char)c;
        } else if (c < 0x800) {
                *out++ = (char)(0xc0 | c >> 6);
                *out++ = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
                *out++ = (char)(0xe0 | c >> 12);
                *out++ = (char)(0x80 | (c >> 6 & 63));
                *out++ = (char)(0x80 | (c & 63));
        } else {
                *out++ = (char)(0xf0 | c >> 18);
                *out++ = (char)(0x80 | (c >> 12 & 63));
                *out++ = (char)(0x80 | (c >> 6 & 63));
                *out++ = (char)(0x80 | (c & 63));
        }
        return out;
}

/* The smallest character of each length. An encoding that is longer than needed is no UTF-8. */
static const uint32_t utf8_least[] = { [1] = 0x80, [2] = 0x800, [3] = 0x10000 };

/* Decodes the character at @data. Returns the number of its bytes, 0 if they are no UTF-8. */
static size_t get_utf8(const uint8_t *data, size_t len, uint32_t *ret)
{
        uint32_t c = data[0];
        size_t more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : (c & 0xf8) == 0xf0 ? 3 : len;

        if (more >= len)
                return 0;
        if (more > 0)
                c &= 0x3fu >> more;
        for (size_t i = 1; i <= more; i++) {
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (data[i] & 0x3f);
        }
        if (more > 0 && (c < utf8_least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)))
                return 0;
        *ret = c;
        return 1 + more;
}

/* Bytes of the longest escape: \U0010ffff. */
#define ESCAPE_MAX 10

/* Writes the next character of @data, or the next byte if it is no UTF-8, and moves @data behind it. */
static char *put_next(char *out, const uint8_t **data, size_t *len)
{
        uint32_t c;
        size_t n = get_utf8(*data, *len, &c);

        out = n > 0 ? put_char(out, c) : put_byte(out, **data);
        n = n > 0 ? n : 1;
        *data += n;
        *len -= n;
        return out;
}

static char *put_utf8(char *out, const uint8_t *data, size_t len)
{
        while (len > 0)
                out = put_next(out, &data, &len);
        return out;
}

void pystack_escape(const char *bytes, size_t len, char *ret, size_t size)
{
        const uint8_t *data = (const uint8_t *)bytes;
        char unit[ESCAPE_MAX + 1];
        size_t used = 0;

        while (len > 0) {
                size_t n = (size_t)(put_next(unit, &data, &len) - unit);
                if (used + n >= size)
                        break;
                memcpy(ret + used, unit, n);
                used += n;
        }
        ret[used] = '\0';
}

#define ELLIPSIS "\xe2\x80\xa6"

static_assert(PYSTACK_TEXT_SIZE >= PYSTR_MAX_CHARS * ESCAPE_MAX + sizeof ELLIPSIS, "the longest name has room");

bool pystr_is(const struct pystr *ref, const uint8_t *data, const char *ascii)
{
        size_t len = strlen(ascii);

        return ref->width == 1 && ref->chars == len && memcmp(data, ascii, len) == 0;
}

void pystr_encode(const struct pystr *ref, const uint8_t *data, char ret[static PYSTACK_TEXT_SIZE])
{
        char *out = ret;

        if (ref->utf8)
                out = put_utf8(out, data, ref->chars);
        for (size_t i = 0; !ref->utf8 && i < ref->chars; i++)
                out = put_char(out, char_at(data, ref->width, i));
        if (ref->cut)
                out = stpcpy(out, ELLIPSIS);
        *out = '\0';
}
