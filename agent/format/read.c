/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile files of any format that can be read. The beginning of a file shows its format: gzip by its mark, JSON by its
 * brace, pprof by the tag of its first field, which no text has.
 */
#include "read.h"
#include "agent/base/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_gzip(const unsigned char *data, size_t len)
{
        return len >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

static bool is_json(const char *text, size_t len)
{
        size_t i = 0;

        while (i < len && isspace((unsigned char)text[i]))
                i++;
        return i < len && text[i] == '{';
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

#define WHAT_CAN_BE_READ "OTLP/JSON, pprof and folded stacks can be read"

/*
 * Recognises other programs' JSON. NULL, or a sentence that says why it is not an OTLP profile. It is called before
 * parsing, since such a file may be larger than OTLP may be.
 */
static const char *name_foreign_json(const char *data, size_t len)
{
        if (has_text(data, len, "\"resourceProfiles\""))
                return NULL;
        return has_text(data, len, "speedscope.app/file-format-schema.json")
                       ? "it is of speedscope's format, which is only written; " WHAT_CAN_BE_READ
                       : "it looks like JSON, but has no resourceProfiles, as OTLP has; " WHAT_CAN_BE_READ;
}

static int read_plain(const char *data, size_t len, struct profile_set *ret, const char **ret_error)
{
        if (len == 0) {
                *ret_error = "it is empty";
                return -EINVAL;
        }
        if (is_json(data, len)) {
                const char *foreign = name_foreign_json(data, len);

                if (!foreign)
                        return format_read_otlp(data, len, ret, ret_error);
                *ret_error = foreign;
                return -EINVAL;
        }
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
