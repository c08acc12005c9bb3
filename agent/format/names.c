/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From escaped names (see pystack_escape()) back to the original ones, for JSON, which can hold every character. What a
 * C string of UTF-8 cannot hold stays an escape: \xNN for a byte and for NUL, \uNNNN for a surrogate, \UNNNNNNNN for a
 * number beyond Unicode. An original name may spell one of these itself. To tell the two apart, the backslashes just
 * before such a spelling are doubled, and no others: an odd number of backslashes begins an escape.
 */
#include "agent/base/base.h"
#include "format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        char letter;
        unsigned digits;
        uint32_t least, most; /* numbers, beside 0, that are no characters of UTF-8 */
} escapes[] = {
        { 'x', 2, 0x80, 0xff },
        { 'u', 4, 0xd800, 0xdfff },
        { 'U', 8, 0x110000, UINT32_MAX },
};

/* Reads what follows a backslash: -1 if it is no escape, otherwise which kind. @ret_value is its number. */
static int read_spelled_escape(const char *at, uint32_t *ret_value)
{
        for (int i = 0; i < (int)(sizeof(escapes) / sizeof(*escapes)); i++) {
                char digits[9] = "";

                if (*at != escapes[i].letter)
                        continue;
                strncpy(digits, at + 1, escapes[i].digits);
                if (strspn(digits, "0123456789abcdef") != escapes[i].digits)
                        return -1;
                *ret_value = (uint32_t)strtoul(digits, NULL, 16);
                return i;
        }
        return -1;
}

static bool is_kept_escape(int escape, uint32_t value)
{
        return escape >= 0 && (value == 0 || (value >= escapes[escape].least && value <= escapes[escape].most));
}

/* Whether each backslash begins an escape, as in every name that podflame has read. */
static bool is_escaped(const char *name)
{
        uint32_t value;

        for (const char *at = strchr(name, '\\'); at; at = strchr(at, '\\')) {
                if (at[1] != '\\' && read_spelled_escape(at + 1, &value) < 0)
                        return false;
                at += 2;
        }
        return true;
}

static char *put_char(char *out, uint32_t c)
{
        if (c < 0x80) {
                *out++ = (char)c;
        } else if (c < 0x800) {
                *out++ = (char)(0xc0 | c >> 6);
                *out++ = (char)(0x80 | (c & 63));
        } else {
                *out++ = (char)(0xe0 | c >> 12);
                *out++ = (char)(0x80 | (c >> 6 & 63));
                *out++ = (char)(0x80 | (c & 63));
        }
        return out;
}

/* Takes a run of backslashes, two for each one in the name, and the escape that may follow. */
static char *put_backslash_run(char *out, const char **at)
{
        size_t n = strspn(*at, "\\"), run = n / 2;
        uint32_t value = 0;
        int escape = read_spelled_escape(*at + n, &value);
        bool escaped = n % 2 != 0;

        if (is_kept_escape(escape, value))
                run *= 2;
        memset(out, '\\', run);
        out += run;
        *at += n;
        if (!escaped)
                return out;
        size_t len = 1 + escapes[escape].digits;
        if (is_kept_escape(escape, value)) {
                *out++ = '\\';
                out = mempcpy(out, *at, len);
        } else {
                out = put_char(out, value);
        }
        *at += len;
        return out;
}

char *format_true_name(const char *name)
{
        char *clean = escape_clean(name), *out;

        if (!clean || !is_escaped(clean))
                return clean;
        char *text = malloc(strlen(clean) + 1);
        const char *at = clean;
        for (out = text; text && *at;) {
                if (*at == '\\')
                        out = put_backslash_run(out, &at);
                else
                        *out++ = *at++;
        }
        if (text)
                *out = '\0';
        free(clean);
        return text;
}
