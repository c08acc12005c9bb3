/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names come from files and memory that a container controls, and go to terminals, pages and collectors. This file
 * makes harmless UTF-8 of them.
 */
#include "agent/find/internal.h"

#include <string.h>

/* Code points of several bytes that are invisible, or that reorder the text around them. */
static const struct {
        uint32_t first, last;
} hidden[] = {
        { 0x80, 0x9f },     /* C1 controls */
        { 0x200b, 0x200f }, /* zero width, left-to-right and right-to-left marks */
        { 0x2028, 0x202e }, /* separators, embeddings and overrides */
        { 0x2060, 0x2069 }, /* word joiner, isolates */
        { 0xd800, 0xdfff }, /* surrogates, which UTF-8 does not allow */
        { 0xfeff, 0xfeff }, /* byte order mark */
};

static bool is_hidden(uint32_t code)
{
        for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
                if (code >= hidden[i].first && code <= hidden[i].last)
                        return true;
        return false;
}

/* The number of bytes of a sequence, by its first byte. 0 if no sequence may begin with that byte. */
static size_t sequence_length(unsigned char first)
{
        if (first < 0x80)
                return 1;
        if (first >= 0xc2 && first < 0xe0)
                return 2;
        if (first >= 0xe0 && first < 0xf0)
                return 3;
        return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* The length of the valid sequence at @text, and its code point. 0 if the sequence is not valid. */
static size_t decode_sequence(const unsigned char *text, size_t len, uint32_t *ret_code)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = sequence_length(text[0]);

        if (n == 0 || n > len)
                return 0;
        uint32_t code = n == 1 ? text[0] : text[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (text[i] & 0x3f);
        }
        if (code < least[n] || code > 0x10ffff)
                return 0;
        *ret_code = code;
        return n;
}

void find_clean(const char *text, size_t len, char *ret, size_t size)
{
        const unsigned char *at = (const unsigned char *)text, *end = at + len;
        size_t n = 0;

        while (at < end) {
                uint32_t code = 0;
                size_t in = decode_sequence(at, (size_t)(end - at), &code);
                bool good = in > 0 && code >= ' ' && code != 0x7f && !is_hidden(code);
                size_t out = good ? in : 1;

                if (n + out >= size)
                        break;
                memcpy(ret + n, good ? at : (const unsigned char *)"?", out);
                n += out;
                at += in ? in : 1;
        }
        ret[n] = '\0';
}

const char *find_basename(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

const char *find_environ_get(const char *text, size_t len, const char *name, size_t *ret_len)
{
        size_t name_len = strlen(name);

        for (size_t n; len > 0; text += n, len -= n) {
                size_t entry = strnlen(text, len);

                n = entry < len ? entry + 1 : entry;
                if (entry > name_len + 1 && !memcmp(text, name, name_len) && text[name_len] == '=') {
                        *ret_len = entry - name_len - 1;
                        return text + name_len + 1;
                }
        }
        return NULL;
}

void find_names_set(char *field, size_t size, const char *text, size_t len)
{
        if (!field[0])
                find_clean(text, len, field, size);
}
