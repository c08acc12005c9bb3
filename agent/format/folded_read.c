/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads folded stacks, "root;…;leaf COUNT". Frames are "function (file:line)", as folded.c and py-spy write them, or
 * names alone. Such a file has nothing else: no rate, no mode, no interpreter.
 *
 * Frames of C and of the kernel are known by their form: "function (libc.so.6)", "function (/usr/bin/program)",
 * "function_[k]". Frames of Python have a line, or a file that ends in ".py".
 *
 * CPython's collapsed stacks begin with their thread, and have frames of another form.
 */
#include "folded.h"
#include "read.h"

#include "agent/base/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text that is read: a copy that ends with a NUL, in which lines and frames are changed in place. */
struct lines {
        struct profile *profile;
        profile_id frames[FORMAT_OTLP_MAX_FRAMES];
        profile_id thread; /* of the line; 0: none */
        bool cpython;      /* the line is CPython's */
        size_t line;
};

#define CPYTHON_THREAD "tid:"

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

int read_named_frame(struct profile *p, const char *name, const char *file, uint32_t line, profile_id *ret)
{
        struct profile_native native = { .kind = PROFILE_C, .name = name, .file = file };
        profile_id function;

        if (strcmp(file, "[kernel]") == 0)
                native.kind = PROFILE_KERNEL;
        if (*name && (native.kind == PROFILE_KERNEL || (line == 0 && is_native_file(file))))
                return profile_intern_native(p, &native, ret);

        int r = profile_intern_function(p, name, file, 0, &function);

        return r < 0 ? r : profile_intern_frame(p, function, line, ret);
}

/* Interns a frame. @name is cut off before the mark of the kernel. */
static int intern_read_frame(struct profile *p, char *name, const char *file, uint32_t line, profile_id *ret)
{
        if (!*file && ends_in(name, FOLDED_KERNEL) && strcmp(name, FOLDED_KERNEL) != 0) {
                name[strlen(name) - strlen(FOLDED_KERNEL)] = '\0';
                file = "[kernel]";
        }
        return read_named_frame(p, name, file, line, ret);
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

/* CPython's collapsed stacks: "tid:THREAD;file:function:line;…". */
static int read_cpython_frame(struct profile *p, char *text, profile_id *ret)
{
        char *line = strrchr(text, ':'), *name = NULL;

        if (line) {
                *line++ = '\0';
                name = strrchr(text, ':');
        }
        if (!name)
                return -EINVAL;
        *name++ = '\0';
        unsigned long number = strtoul(line, NULL, 10);

        return read_named_frame(p, name, text, number <= UINT32_MAX ? (uint32_t)number : 0, ret);
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

        return r < 0 ? r : profile_add(lines->profile, stack, lines->thread, PROFILE_RUNNING, count, 0);
}

static int name_line(struct lines *lines, const char *before, const char *what, const char **ret_error)
{
        static _Thread_local char sentence[160];

        snprintf(sentence, sizeof(sentence), "%sline %zu %s", before, lines->line, what);
        *ret_error = sentence;
        return -EINVAL;
}

/* A first line that cannot be read is a file that is something else. */
static int refuse_line(struct lines *lines, const char *what, const char **ret_error)
{
        return name_line(lines, lines->line == 1 ? "it is no profile that is known: " : "", what, ret_error);
}

/* Takes the thread off a line of CPython's. NULL: nothing is left. */
static char *take_cpython_thread(struct lines *lines, char *line, int *ret)
{
        char *next = strchr(line, ';');

        lines->cpython = true;
        *ret = profile_intern_thread(lines->profile, strtoull(line + strlen(CPYTHON_THREAD), NULL, 10), "",
                                     &lines->thread);
        return next ? next + 1 : NULL;
}

static int read_stack_line(struct lines *lines, char *line, const char **ret_error)
{
        char *space = strrchr(line, ' '), *end, *next;
        size_t n = 0;
        int r = 0;

        if (!space || space == line || !isdigit((unsigned char)space[1]))
                return refuse_line(lines, "is not \"stack COUNT\"", ret_error);
        errno = 0;
        uint64_t count = strtoull(space + 1, &end, 10);
        if (*end || errno || count == 0)
                return refuse_line(lines, "has a COUNT that is none", ret_error);
        *space = '\0';
        lines->thread = 0;
        lines->cpython = false;
        if (strncmp(line, CPYTHON_THREAD, strlen(CPYTHON_THREAD)) == 0 &&
            isdigit((unsigned char)line[strlen(CPYTHON_THREAD)]))
                line = take_cpython_thread(lines, line, &r);
        for (char *frame = line; r == 0 && frame; frame = next) {
                next = strchr(frame, ';');
                if (next)
                        *next++ = '\0';
                if (n == FORMAT_OTLP_MAX_FRAMES)
                        return name_line(lines, "", "has too many frames", ret_error);
                r = lines->cpython ? read_cpython_frame(lines->profile, frame, &lines->frames[n++])
                                   : read_frame(lines->profile, frame, &lines->frames[n++]);
        }
        if (r == -EINVAL || (r == 0 && n == 0))
                return refuse_line(lines, "has a frame that is not file:function:line", ret_error);
        return r < 0 ? r : add_folded_stack(lines, n, count);
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
                lines->line++;
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
