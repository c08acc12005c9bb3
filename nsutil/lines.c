/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest parser that procfs needs: text that is consumed from the front. The text need not end with a NUL, and no
 * function looks past its end.
 */
#include "nsutil/internal.h"

#include <limits.h>
#include <string.h>

static size_t bytes_left(const struct nsutil_text *text)
{
        return (size_t)(text->end - text->at);
}

bool nsutil_text_until(struct nsutil_text *text, char delimiter, struct nsutil_text *ret)
{
        const char *found = bytes_left(text) ? memchr(text->at, delimiter, bytes_left(text)) : NULL;

        if (!found)
                return false;
        *ret = (struct nsutil_text){ text->at, found };
        text->at = found + 1;
        return true;
}

bool nsutil_text_part(struct nsutil_text *text, char delimiter, struct nsutil_text *ret)
{
        if (!bytes_left(text))
                return false;
        if (!nsutil_text_until(text, delimiter, ret)) {
                *ret = *text;
                text->at = text->end;
        }
        return true;
}

bool nsutil_text_line(struct nsutil_text *text, struct nsutil_text *ret_line)
{
        return nsutil_text_part(text, '\n', ret_line);
}

bool nsutil_text_prefix(struct nsutil_text *text, const char *prefix)
{
        size_t len = strlen(prefix);

        if (bytes_left(text) < len || memcmp(text->at, prefix, len))
                return false;
        text->at += len;
        return true;
}

bool nsutil_text_suffix(struct nsutil_text *text, const char *suffix)
{
        size_t len = strlen(suffix);

        if (bytes_left(text) < len || memcmp(text->end - len, suffix, len))
                return false;
        text->end -= len;
        return true;
}

bool nsutil_text_is(struct nsutil_text text, const char *string)
{
        return nsutil_text_prefix(&text, string) && !bytes_left(&text);
}

void nsutil_text_blanks(struct nsutil_text *text)
{
        while (bytes_left(text) && (*text->at == ' ' || *text->at == '\t'))
                text->at++;
}

/* The value of a digit, or 16 for anything else. */
static unsigned value_of_digit(char c)
{
        if (c >= '0' && c <= '9')
                return (unsigned)(c - '0');
        if (c >= 'a' && c <= 'f')
                return (unsigned)(c - 'a') + 10;
        return 16;
}

bool nsutil_text_u64(struct nsutil_text *text, unsigned base, uint64_t *ret)
{
        const char *at = text->at;
        uint64_t value = 0;

        for (; at < text->end && value_of_digit(*at) < base; at++)
                if (__builtin_mul_overflow(value, base, &value) ||
                    __builtin_add_overflow(value, value_of_digit(*at), &value))
                        return false;
        if (at == text->at)
                return false;
        text->at = at;
        *ret = value;
        return true;
}

bool nsutil_text_pid(struct nsutil_text *text, pid_t *ret)
{
        struct nsutil_text copy = *text;
        uint64_t value;

        if (!nsutil_text_u64(&copy, 10, &value) || value > INT_MAX)
                return false;
        *text = copy;
        *ret = (pid_t)value;
        return true;
}
