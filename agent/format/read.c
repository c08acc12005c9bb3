/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile files of any format that can be read. The beginning of a file shows its format: gzip by its mark, JSON by its
 * brace, pprof by the tag of its first field, which no text has.
 */
#include "read.h"
#include "agent/base/base.h"
#include "formats.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_gzip(const unsigned char *data, size_t len)
{
        return len >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

static size_t skip_blanks(const char *text, size_t len, size_t i)
{
        while (i < len && isspace((unsigned char)text[i]))
                i++;
        return i;
}

/* An object, or an array of objects: a folded stack may begin with a bracket, too. */
static bool is_json(const char *text, size_t len)
{
        size_t i = skip_blanks(text, len, 0);

        if (i < len && text[i] == '[')
                i = skip_blanks(text, len, i + 1);
        return i < len && text[i] == '{';
}

/* A dict of marshal whose first key is a tuple, or that is empty. JSON has neither behind a brace. */
static bool is_pstats(const unsigned char *data, size_t len)
{
        return len >= 2 && (data[0] & 0x7f) == '{' && strchr("()0", data[1] & 0x7f) && (data[1] & 0x7f);
}

static bool is_jsonl(const char *text, size_t len)
{
        return len >= strlen(JSONL_HEAD) && memcmp(text, JSONL_HEAD, strlen(JSONL_HEAD)) == 0;
}

/* Whether the first line ends in a count, as a stack does: "<module> 3" is no page. */
static bool is_folded_line(const char *text, size_t len)
{
        const char *newline = memchr(text, '\n', len);
        size_t n = newline ? (size_t)(newline - text) : len;

        while (n > 0 && (isdigit((unsigned char)text[n - 1]) || text[n - 1] == '\r'))
                n--;
        return n > 0 && n < len && text[n - 1] == ' ';
}

/* Whether text may be folded stacks: they have no zero byte, and do not begin with a control character. */
static bool is_folded_text(const char *text, size_t len)
{
        return !memchr(text, '\0', len) && (unsigned char)text[0] >= ' ';
}

static bool has_text(const char *data, size_t len, const char *text)
{
        return memmem(data, len, text, strlen(text)) != NULL;
}

/* What is known, and cannot be read. NULL: it is none of that. */
static const char *name_unreadable(const char *data, size_t len)
{
        static const struct {
                const char *beginning, *what;
        } rows[] = {
                { "MOJ", "it is Austin's binary format, but not version 3: mojo2austin makes text of it" },
                { "<", "it is a page or a picture (html, svg): these cannot be read back" },
                { "{\"type\":\"meta\",",
                  "it is CPython's jsonl, which has functions and no stacks: its collapsed and gecko "
                  "files can be read" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                size_t n = strlen(rows[i].beginning);

                if (len >= n && memcmp(data, rows[i].beginning, n) == 0 && !(n == 1 && is_folded_line(data, len)))
                        return rows[i].what;
        }
        return NULL;
}

static int read_plain(const char *data, size_t len, struct profile_set *ret, const char **ret_error)
{
        if (len == 0) {
                *ret_error = "it is empty";
                return -EINVAL;
        }
        if (is_mojo(data, len))
                return read_mojo(data, len, ret, ret_error);
        const char *unreadable = name_unreadable(data, len);

        if (unreadable) {
                *ret_error = unreadable;
                return -EINVAL;
        }
        if (is_pstats((const unsigned char *)data, len))
                return read_pstats(data, len, ret, ret_error);
        if (is_jsonl(data, len))
                return read_jsonl(data, len, ret, ret_error);
        if (is_json(data, len))
                return has_text(data, len, "\"resourceProfiles\"") ? format_read_otlp(data, len, ret, ret_error)
                                                                   : read_json(data, len, ret, ret_error);
        if (is_austin(data, len))
                return read_austin(data, len, ret, ret_error);
        if (is_folded_text(data, len))
                return read_folded(data, len, ret, ret_error);
        return read_pprof(data, len, ret, ret_error);
}

int format_read(const void *data, size_t len, struct profile_set *ret, const char **ret_error)
{
        const char *error = "it cannot be read";
        void *unpacked = NULL;
        int r = 0;

        if (is_gzip(data, len)) {
                r = gzip_unpack(data, len, FORMAT_OTLP_MAX_BYTES, &unpacked, &len);
                if (r == -EINVAL)
                        error = "its gzip is damaged or cut off";
        }
        if (r == 0)
                r = read_plain(unpacked ? unpacked : data, len, ret, &error);
        free(unpacked);
        if (r == -EINVAL && ret_error)
                *ret_error = error;
        return r;
}
