/* SPDX-License-Identifier: Apache-2.0 */
#include "library.h"

#include <ctype.h>
#include <string.h>

static bool is_stdlib_folder(const char *end, size_t before)
{
        const char *from = end;

        while (before > 0 && from[-1] != '/') {
                from--;
                before--;
        }
        return strncmp(from, "python", 6) == 0 && isdigit((unsigned char)from[6]);
}

static bool ends_with(const char *text, size_t len, const char *end)
{
        size_t n = strlen(end);

        return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* Whether @path is @file, as "concurrent/futures/thread.py", of @origin. */
static bool is_file(const char *path, enum library_origin origin, const char *file)
{
        size_t len = strlen(path), n = strlen(file);

        if (!ends_with(path, len, file) || len == n || path[len - n - 1] != '/')
                return false;
        len -= n + 1;
        if (origin == ORIGIN_STDLIB)
                return is_stdlib_folder(path + len, len);
        return ends_with(path, len, "/site-packages") || ends_with(path, len, "/dist-packages");
}

/* "Condition.wait" from 3.11 on, "wait" before. */
static bool is_function(const char *name, const char *wanted)
{
        const char *dot = strchr(wanted, '.') ? NULL : strrchr(name, '.');

        return strcmp(dot ? dot + 1 : name, wanted) == 0;
}

bool library_is_code(const struct reason_frame *frame, const struct library_code *code)
{
        return is_function(frame->function, code->function) && is_file(frame->file, code->origin, code->file);
}
