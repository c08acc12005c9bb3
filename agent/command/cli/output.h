/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

/* -f FORMAT and -o FILE: where a profile is written, and how. */

#include "agent/format/format.h"
#include "options.h"
#include "outside.h"

#include <stdio.h>
#include <sys/types.h>

struct output {
        const char *name; /* for messages */
        const char *path; /* NULL: standard output */
        const struct format *format;
        const struct outside *outside; /* who removes it if it was made for nothing; NULL: we can */
        int index;                     /* what @outside knows it by */
        bool made;                     /* by output_open(): it was not there */
        dev_t device;                  /* of one that was made, and its inode */
        ino_t inode;
        bool gzip; /* by its name it is to be gzipped, which its format is not of itself */
        int fd;
};

#define OUTPUT_NONE      \
        {                \
                .fd = -1 \
        }

/* What the rows of -f and -o say in an option table. The endings are those of the formats' table. */
#define OUTPUT_FORMATS "folded, html, speedscope, pprof, otlp, text (by FILE's ending; folded if it has none)"
#define OUTPUT_ENDINGS                                                                     \
        "its ending tells the format: .folded, .html, .speedscope.json, .pb.gz (pprof),\n" \
        ".otlp.json or .json (otlp), .txt (text); behind that .gz, which packs it"

/*
 * Decides on the format: @format if there is one, else what @path ends in, which must be known then; a name without
 * an ending is for folded stacks. GO_ON, or an exit status, when a message has been printed.
 */
int output_choose(const struct usage *usage, const char *format, const char *path, struct output *ret);

/* Says that @path ends in none of @known (each with a blank before it), and what to do. Returns EXIT_USAGE. */
int output_wrong_ending(const struct usage *usage, const char *path, const char *known, const char *remedy);

/*
 * Opens the file, before any work is done for it; an old one keeps its content until output_write(). GO_ON, or an
 * exit status when a message has been printed.
 */
int output_open(struct output *output);

/* The same without a word: 0 or negative errno. */
int output_make(struct output *output);

/* 0 or negative errno. */
int output_write(struct output *output, const struct profile_set *set);

/* The same for somebody else's writing: empties the file, and is no longer responsible for it. 0 or negative errno. */
int output_stream(struct output *output, FILE **ret);

/* Removes the file if it was made by output_open() and is empty. */
void output_remove(const struct output *output);

/* Adds what @outside, which is to be started then, and must live as long as @output, does for it, if it is open. */
void output_duties(struct output *output, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS]);

/* Without output_write() before it, leaves no file behind that was not there. */
void output_close(struct output *output);

#endif
