/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_LINES_H
#define PROFILE_LINES_H

/*
 * The lines of source files by the samples that they were in. It is a part of profile.h, which includes it.
 *
 * Lines are those of Python: native code counts for the Python line that called it. A sample is a line's own (self) if
 * that line is the innermost. It is in a line's total once, however often the line stands in the stack. What has no
 * file, such as a collection of garbage, is no line: such a sample is in the totals of those who called it.
 */

#include <stddef.h>
#include <stdint.h>

struct profile_set;

struct profile_line_count {
        uint64_t self, total; /* samples */
};

/* What threads wait for at a line, or at which opcode they run: samples of its own. */
struct profile_line_wait {
        const char *reason; /* "[waits: GIL]", "[opcode: LOAD_ATTR]" */
        uint64_t samples;
};

struct profile_line {
        uint32_t line;        /* 0: not known */
        const char *function; /* NULL: several have this line */
        struct profile_line_count count;
        struct profile_line_wait *waits; /* the longest first */
        size_t n_waits;
};

struct profile_line_function {
        const char *name;
        uint32_t first_line; /* 0: not known */
        struct profile_line_count count;
};

struct profile_line_file {
        const char *file;
        struct profile_line_count count;
        struct profile_line *lines; /* by number */
        size_t n_lines;
        struct profile_line_function *functions; /* most of self, then most of total first */
        size_t n_functions;
};

struct profile_lines {
        uint64_t samples;                /* of the whole set: shares are shares of these */
        struct profile_line_file *files; /* most of self, then most of total first */
        size_t n_files;
        struct profile_line_counting *own; /* what the pointers above point into */
};

/* Which lines are counted. All NULL: all lines. */
struct profile_line_choice {
        const char *file;     /* a pattern of fnmatch(3): of the last part of the file's name unless it has a slash */
        const char *function; /* a function's name; names of methods match without their class as well */
};

/* Counts the lines of all profiles of @set together. -ENOMEM; -ENOSPC: together they are too large for one profile. */
int profile_lines(const struct profile_set *set, const struct profile_line_choice *choice, struct profile_lines **ret);
void profile_lines_free(struct profile_lines *lines); /* accepts NULL */

/* The line of @file with most of self, then most of total. NULL: it has none. */
const struct profile_line *profile_line_hottest(const struct profile_line_file *file);

/* For qsort() of struct profile_line: most of self, then most of total, then the smallest number first. */
int profile_line_order(const void *a, const void *b);

#endif
