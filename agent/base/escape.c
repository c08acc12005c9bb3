/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clean text from hostile names. Each byte that is not UTF-8 becomes \xNN. Control characters, line separators and
 * characters that turn the direction of writing become \xNN (up to 0x7f) or \uNNNN. Backslashes stay as they are: names
 * that podflame has read itself are escaped already, with their backslashes doubled.
 */
#include "escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NO_CHARACTER UINT32_MAX

/* Indexed by the number of continuation bytes: the lead byte, and the least code point that it may stand for. */
static const struct {
        uint8_t mask, lead;
        uint32_t least;
} forms[] = {
        { .mask = 0x80, .lead = 0x00, .least = 0 },
        { .mask = 0xe0, .lead = 0xc0, .least = 0x80 },
        { .mask = 0xf0, .lead = 0xe0, .least = 0x800 },
        { .mask = 0xf8, .lead = 0xf0, .least = 0x10000 },
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* Ranges of code points, both ends included. */
static const struct {
        uint32_t first, last;
} unwanted[] = {
        { 0x00, 0x1f },     /* C0 */
        { 0x7f, 0x9f },     /* DEL, C1 */
        { 0x200b, 0x200f }, /* zero width, direction marks */
        { 0x2028, 0x202e }, /* line and paragraph separators, direction */
        { 0x2066, 0x2069 }, /* direction */
        { 0xfeff, 0xfeff }, /* byte order mark */
};
#define UNWANTED (sizeof(unwanted) / sizeof(unwanted[0]))

static bool is_unwanted(uint32_t c)
{
        for (size_t i = 0; i < UNWANTED; i++) {
                if (c >= unwanted[i].first && c <= unwanted[i].last)
                        return true;
        }
        return false;
}

/* Decodes a character. It never reads past a terminating NUL, since that is no continuation byte. */
static uint32_t decode_character(const char **s)
{
        const char *p = *s;
        uint8_t lead = (uint8_t)p[0];
        size_t more = 0;

        *s = p + 1;
        while (more < FORMS && (lead & forms[more].mask) != forms[more].lead)
                more++;
        if (more == FORMS)
                return NO_CHARACTER;
        uint32_t c = lead & (uint8_t)~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return NO_CHARACTER;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < forms[more].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return NO_CHARACTER;
        *s = p + 1 + more;
        return c;
}

size_t escape_next(const char **s, char ret[static ESCAPE_MAX])
{
        const char *start = *s;
        uint32_t c = decode_character(s);

        if (c == NO_CHARACTER)
                return (size_t)snprintf(ret, ESCAPE_MAX, "\\x%02x", (unsigned char)*start);
        if (is_unwanted(c))
                return (size_t)snprintf(ret, ESCAPE_MAX, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        memcpy(ret, start, (size_t)(*s - start));
        return (size_t)(*s - start);
}

char *escape_clean(const char *s)
{
        size_t len = s ? strlen(s) : 0;
        char *clean = malloc(len * ESCAPE_MAX + 1);
        char *end = clean;

        if (!clean)
                return NULL;
        while (s && *s) {
                char unit[ESCAPE_MAX];
                size_t n = escape_next(&s, unit);

                memcpy(end, unit, n);
                end += n;
        }
        *end = '\0';
        return clean;
}

void escape_unfold(char *s)
{
        char *out = s;

        for (const char *at = s; *at;) {
                size_t run = strspn(at, "\\");

                memmove(out, at, run);
                out += run;
                at += run;
                if (run % 2 != 0 && strncmp(at, "x3b", 3) == 0) {
                        out[-1] = ';';
                        at += 3;
                } else if (*at) {
                        *out++ = *at++;
                }
        }
        *out = '\0';
}

void escape_text(const char *s, FILE *out)
{
        char unit[ESCAPE_MAX];

        while (s && *s) {
                size_t n = escape_next(&s, unit);

                fwrite(unit, 1, n, out);
        }
}

void escape_folded(const char *s, FILE *out)
{
        char unit[ESCAPE_MAX];

        while (s && *s) {
                size_t n = escape_next(&s, unit);

                if (unit[0] == ';')
                        fputs("\\x3b", out);
                else
                        fwrite(unit, 1, n, out);
        }
}

static void write_json_byte(char c, FILE *out)
{
        if (c == '<') {
                fputs("\\u003c", out);
                return;
        }
        if (c == '"' || c == '\\')
                putc('\\', out);
        putc(c, out);
}

void escape_json(const char *s, FILE *out)
{
        char unit[ESCAPE_MAX];

        putc('"', out);
        while (s && *s) {
                size_t n = escape_next(&s, unit);

                for (size_t i = 0; i < n; i++)
                        write_json_byte(unit[i], out);
        }
        putc('"', out);
}

int escape_finish(FILE *out)
{
        errno = 0;
        if (fflush(out) == EOF)
                return errno ? -errno : -EIO;
        return ferror(out) ? -EIO : 0;
}
