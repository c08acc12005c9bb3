/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding strings in place works since it never makes a string longer: the six characters of \uXXXX become three bytes
 * at most.
 */
#include "json_value_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT 0xfffd

/* ---- UTF-8 ------------------------------------------------------------------ */

/*
 * What the first byte of a sequence says: how many bytes follow, and the least code point that the sequence may mean.
 */
static const struct {
        unsigned char mask, mark;
        unsigned follow;
        uint32_t least;
} leads[] = {
        { 0xe0, 0xc0, 1, 0x80 },
        { 0xf0, 0xe0, 2, 0x800 },
        { 0xf8, 0xf0, 3, 0x10000 },
};

static bool is_surrogate(uint32_t point)
{
        return point >= 0xd800 && point <= 0xdfff;
}

/* The length of the sequence at @text, which is not ASCII. 0 if it is no valid sequence. */
static size_t utf8_sequence_length(const unsigned char *text, const unsigned char *end)
{
        for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
                uint32_t point = text[0] & (unsigned char)~leads[i].mask;

                if ((text[0] & leads[i].mask) != leads[i].mark)
                        continue;
                if ((size_t)(end - text) <= leads[i].follow)
                        return 0;
                for (unsigned k = 1; k <= leads[i].follow; k++) {
                        if ((text[k] & 0xc0) != 0x80)
                                return 0;
                        point = point << 6 | (text[k] & 0x3f);
                }
                return point >= leads[i].least && point <= 0x10ffff && !is_surrogate(point) ? leads[i].follow + 1 : 0;
        }
        return 0;
}

static char *put_utf8(char *out, uint32_t point)
{
        static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        unsigned n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

        for (unsigned i = n; i-- > 1; point >>= 6)
                out[i] = (char)(0x80 | (point & 0x3f));
        out[0] = (char)(marks[n] | point);
        return out + n;
}

/* ---- escapes ------------------------------------------------------------------ */

static int hex_value_of(char c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

/* Takes four hex digits. */
static bool take_hex(const char **at, const char *end, uint32_t *ret)
{
        uint32_t value = 0;

        if (end - *at < 4)
                return false;
        for (int i = 0; i < 4; i++) {
                int d = hex_value_of((*at)[i]);

                if (d < 0)
                        return false;
                value = value << 4 | (uint32_t)d;
        }
        *at += 4;
        *ret = value;
        return true;
}

/* Takes the code point behind "\u". Two halves of a surrogate pair in a row are one character. */
static bool take_point(const char **at, const char *end, uint32_t *ret)
{
        const char *next;
        uint32_t low;

        if (!take_hex(at, end, ret))
                return false;
        if (!is_surrogate(*ret))
                return true;
        next = *at + 2;
        if (*ret < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' && take_hex(&next, end, &low) &&
            low >= 0xdc00 && low <= 0xdfff) {
                *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
                *at = next;
        } else {
                *ret = REPLACEMENT;
        }
        return true;
}

/* Decodes what follows a backslash. NULL if there is no such escape. */
static char *take_escape(const char **at, const char *end, char *out)
{
        static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        uint32_t point;

        if (*at == end || **at == '\0')
                return NULL;
        if (*(*at)++ == 'u')
                return take_point(at, end, &point) ? put_utf8(out, point) : NULL;
        const char *name = strchr(names, (*at)[-1]);
        if (!name)
                return NULL;
        *out = values[name - names];
        return out + 1;
}

char *json_value_decode_string(char *text, const char *end)
{
        const char *at = text;
        char *out = text;

        while (at < end && *at != '"') {
                size_t n = 1;

                if (*at == '\\') {
                        at++;
                        out = take_escape(&at, end, out);
                        if (!out)
                                return NULL;
                        continue;
                }
                if ((unsigned char)*at < ' ')
                        return NULL;
                if ((unsigned char)*at >= 0x80)
                        n = utf8_sequence_length((const unsigned char *)at, (const unsigned char *)end);
                if (n == 0)
                        return NULL;
                memmove(out, at, n);
                out += n;
                at += n;
        }
        if (at == end)
                return NULL;
        *out = '\0'; /* overwrites the closing quote at the latest */
        return text + (at + 1 - text);
}

/* ---- numbers ------------------------------------------------------------------ */

static char *skip_digits(char *at, const char *end)
{
        char *begin = at;

        while (at < end && *at >= '0' && *at <= '9')
                at++;
        return at > begin ? at : NULL;
}

char *json_value_skip_number(char *text, const char *end)
{
        char *at = text;

        at += at < end && *at == '-';
        if (at < end && *at == '0')
                at++;
        else
                at = skip_digits(at, end);
        if (at && at < end && *at == '.')
                at = skip_digits(at + 1, end);
        if (at && at < end && (*at == 'e' || *at == 'E')) {
                at++;
                at += at < end && (*at == '+' || *at == '-');
                at = skip_digits(at, end);
        }
        return at;
}
