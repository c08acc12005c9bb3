/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_LINES_COUNTING_H
#define PROFILE_LINES_COUNTING_H

/* What lines.c counts, and line_rows.c makes a result of. */

#include "internal.h"

struct tally {
        struct profile_line_count count;
        profile_id seen; /* the stack that counted it last */
};

/* A frame that is counted. */
struct place {
        const char *file;
        uint32_t line;
        profile_id frame;
};

struct profile_line_counting {
        struct profile *profile;
        struct weight *weights; /* by stack */
        struct place *places;   /* by file and line */
        size_t n_places;
        /* What a frame belongs to, by its id: indexes of @lines and @files. 0: it is not counted */
        uint32_t *line_of, *file_of;
        struct tally *lines, *files, *functions; /* functions by id */
        struct profile_line *rows;
        struct profile_line_function *names;
        struct profile_line_wait *waits;
};

/* The index of the frame that the samples of a stack are of. It has a state below it if it is 1. */
size_t profile_lines_innermost(const struct profile *p, const profile_id *frames, size_t n);

/* Fills @ret->files, which has room, from what was counted. @row_of has room for a pointer for each line. 0 or -ENOMEM. */
int profile_lines_fill(struct profile_line_counting *c, struct profile_lines *ret, struct profile_line **row_of);

#endif
