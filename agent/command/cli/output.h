/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

/* -f FORMAT and -o FILE: the format of a profile, and where it is written. */

#include "agent/format/format.h"
#include "options.h"
#include "outside.h"

#include <stdio.h>
#include <sys/types.h>

struct output {
        const char *name; /* for messages */
        const char *path; /* NULL: standard output */
        const struct format *format;
        /* the child that removes the file if nothing was written; NULL: podflame removes it itself */
        const struct outside *outside;
        int index;    /* the file's number in @outside */
        bool made;    /* output_open() has made the file */
        dev_t device; /* device of a file that was made, and its inode */
        ino_t inode;
        bool gzip; /* its name asks for gzip, which the format itself does not have */
        int fd;
};

#define OUTPUT_NONE      \
        {                \
                .fd = -1 \
        }

/* Texts of the rows of -f and -o in an option table. The endings are those of the formats' table. */
#define OUTPUT_FORMATS                                                                                \
        "folded, html, heat, svg, speedscope, gecko, chrometrace, jsonl, pstats, pprof, otlp, text\n" \
        "(by FILE's ending; folded if it has none)"
#define OUTPUT_ENDINGS                                                                                    \
        "its ending tells the format: .folded, .html, .heat.html, .svg, .speedscope.json, .gecko.json,\n" \
        ".trace.json or .perfetto.json (chrometrace), .jsonl, .pstats or .prof, .pb.gz (pprof),\n"        \
        ".otlp.json or .json (otlp), .txt (text); behind that .gz, which packs it"

/*
 * Chooses the format: @format if it is not NULL, otherwise the one that @path's ending names. An unknown ending is
 * refused. A name without an ending means folded stacks. GO_ON, or an exit status after a message.
 */
int output_choose(const struct usage *usage, const char *format, const char *path, struct output *ret);

/*
 * Prints that @path has none of the endings @known (each with a blank before it), and what to do. Returns EXIT_USAGE.
 */
int output_wrong_ending(const struct usage *usage, const char *path, const char *known, const char *remedy);

/*
 * Opens the file, before any work is done for it. An old file keeps its content until output_write(). GO_ON, or an exit
 * status after a message.
 */
int output_open(struct output *output);

/* The same without a message: 0 or negative errno. */
int output_make(struct output *output);

/* Writes the profiles. 0 or negative errno. */
int output_write(struct output *output, const struct profile_set *set);

/* Writes what @write writes of @what, packed if the name asks for that. 0 or negative errno. */
int output_write_with(struct output *output, int (*write)(const void *what, FILE *out), const void *what);

/*
 * Gives a stream for the caller's own writing: empties the file, and is no longer responsible for it. 0 or negative
 * errno.
 */
int output_stream(struct output *output, FILE **ret);

/* Removes the file if it was made by output_open() and is empty. */
void output_remove(const struct output *output);

/*
 * Adds the duty of @outside for this output, if it is open. Call it before @outside is started. @outside must live as
 * long as @output.
 */
void output_duties(struct output *output, const struct outside *outside,
                   struct outside_duty duties[static OUTSIDE_DEEDS]);

/* Closes the output. Without an output_write() before, it removes a file that it has made. */
void output_close(struct output *output);

#endif
