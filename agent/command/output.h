/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_OUTPUT_H
#define COMMAND_OUTPUT_H

/* -f FORMAT and -o FILE: where a profile is written, and how. */

#include "agent/format/format.h"
#include "options.h"

struct output {
        const char *name; /* for messages */
        const char *path; /* NULL: standard output */
        const struct format *format;
        bool gzip; /* by its name it is to be gzipped, which its format is not of itself */
        int fd;
};

#define OUTPUT_NONE { .fd = -1 }

/* Decides on the format. -1, or an exit status after a word about it. */
int output_choose(const struct usage *usage, const char *format, const char *path, struct output *ret);

/* Opens the file, before any work is done for it; an old one keeps its content until output_write(). */
int output_open(struct output *output);

/* 0 or negative errno. */
int output_write(struct output *output, const struct profile_set *set);

/* Without output_write() before it, leaves no empty file behind. */
void output_close(struct output *output);

#endif
