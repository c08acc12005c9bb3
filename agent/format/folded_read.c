/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads folded stacks, "root;…;leaf COUNT". Frames are "function (file:line)", as folded.c and py-spy write them, or
 * names alone. Such a file has nothing else: no rate, no mode, no interpreter.
 *
 * Frames of C and of the kernel are known by their form: "function (libc.so.6)", "function (/usr/bin/program)",
 * "function_[k]". Frames of Python have a line, or a file that ends in ".py".
 */
#include "folded.h"
#include "read.h"

#include "agent/base/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The text that is read: a copy that ends with a NUL, in which lines and frames are changed in place. */
struct lines {
        struct profile *profile;
        profile_id frames[FORMAT_OTLP_MAX_FRAMES];
};

static bool ends_in(const char *text, const char *end)
{
        size_t len = strlen(text), n = strlen(end);

        return len >= n && strcmp(text + len - n, end) == 0;
}

static bool is_native_file(const char *file)
{
        if (ends_in(file, ".py"))
                return false;
        return *file == '/' || (*file == '[' && ends_in(file, "]")) ||
               (!strpbrk(file, "/ ") && folded_is_shared_object(file));
}

/* Interns a frame. @name is cut off before the mark of the kernel. */
static int intern_read_frame(struct profile *p, char *name, const char *file, uint32_t line, profile_id *ret)
{
        struct profile_native native = { .kind = PROFILE_C, .name = name, .file = file };

        if (!*file && ends_in(name, FOLDED_KERNEL) && strcmp(name, FOLDED_KERNEL) != 0) {
                name[strlen(name) - strlen(FOLDED_KERNEL)] = '\0';
                native.kind = PROFILE_KERNEL;
                native.file = "[kernel]";
        }
        if (*name && (native.kind == PROFILE_KERNEL || (line == 0 && is_native_file(file))))
                return profile_intern_native(p, &native, ret);

        profile_id function;
        int r = profile_intern_function(p, name, file, 0, &function);

        return r < 0 ? r : profile_intern_frame(p, function, line, ret);
}

/* Splits "name (file:line)". @text is cut apart. */
static int read_frame(struct profile *p, char *text, profile_id *ret)
{
        size_t len = strlen(text);
        char *open = NULL, *colon = NULL;
        unsigned long line = 0;

        for (char *at = strstr(text, " ("); at && len > 0 && text[len - 1] == ')'; at = strstr(at + 1, " ("))
                open = at;
        if (open) {
                text[len - 1] = '\0';
                colon = strrchr(open, ':');
        }
        if (colon && isdigit((unsigned char)colon[1]) && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
                line = strtoul(colon + 1, NULL, 10);
                *colon = '\0';
        }
        if (open)
                *open = '\0';

        escape_unfold(text);
        if (open)
                escape_unfold(open + 2);
        return intern_read_frame(p, text, open ? open + 2 : "", line <= UINT32_MAX ? (uint32_t)line : 0, ret);
}

static int add_folded_stack(struct lines *lines, size_t n, uint64_t count)
{
        for (size_t i = 0; i < n / 2; i++) {
                profile_id leaf = lines->frames[n - 1 - i];

                lines->frames[n - 1 - i] = lines->frames[i];
                lines->frames[i] = leaf;
        }

        profile_id stack;
        int r = profile_intern_stack(lines->profile, lines->frames, n, &stack);

        return r < 0 ? r : profile_add(lines->profile, stack, 0, PROFILE_RUNNING, count, 0);
}

static int read_stack_line(struct lines *lines, char *line, const char **ret_error)
{
        char *space = strrchr(line, ' '), *end, *next;
        size_t n = 0;

        *ret_error = "it is no profile: neither OTLP nor pprof, and a line is not \"stack COUNT\"";
        if (!space || space == line || !isdigit((unsigned char)space[1]))
                return -EINVAL;
        errno = 0;
        uint64_t count = strtoull(space + 1, &end, 10);
        if (*end || errno || count == 0)
                return -EINVAL;
        *space = '\0';
        for (char *frame = line; frame; frame = next) {
                next = strchr(frame, ';');
                if (next)
                        *next++ = '\0';
                *ret_error = "a stack has too many frames";
                if (n == FORMAT_OTLP_MAX_FRAMES)
                        return -EINVAL;

                int r = read_frame(lines->profile, frame, &lines->frames[n++]);

                if (r < 0)
                        return r;
        }
        return add_folded_stack(lines, n, count);
}

static int read_lines(struct lines *lines, char *text, const char **ret_error)
{
        int r = 0;

        for (char *line = text, *next; r == 0 && line && *line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                size_t len = strlen(line);
                if (len > 0 && line[len - 1] == '\r')
                        line[--len] = '\0';
                if (len > 0)
                        r = read_stack_line(lines, line, ret_error);
        }
        return r;
}

int read_folded(const char *text, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct lines *lines = calloc(1, sizeof(*lines));
        struct profile *p = profile_new();
        struct profile_set set = { 0 };
        char *copy = strndup(text, len);
        int r = -ENOMEM;

        if (lines && p && copy) {
                lines->profile = p;
                r = read_lines(lines, copy, ret_error);
        }
        if (r == 0)
                r = profile_set_add(&set, p);
        if (r == 0)
                *ret = set;
        else
                profile_free(p);
        free(copy);
        free(lines);
        return r;
}
