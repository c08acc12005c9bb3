/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GIL_GRAPH_H
#define GIL_GRAPH_H

/*
 * A profile file of `podflame gil`: the stacks of threads that held the GIL, each as wide as the time for which others
 * waited meanwhile.
 */

#include "blame.h"

#include "agent/command/cli/options.h"
#include "agent/command/cli/output.h"
#include "agent/profile/profile.h"

struct graph_options {
        const char *format, *path; /* NULL: not given */
        bool threads;              /* tell holders apart */
};

/* The rows of an option table for a configuration whose member @member is a struct graph_options. */
#define GRAPH_OPTIONS(type, member)                                                                             \
        { .name = "output",                                                                                     \
          .letter = 'o',                                                                                        \
          .kind = OPTION_TEXT,                                                                                  \
          .field = offsetof(type, member.path),                                                                 \
          .argument = "FILE",                                                                                   \
          .help = "also write the stacks of those that held it, by the time others waited;\n" OUTPUT_ENDINGS }, \
                { .name = "format",                                                                             \
                  .letter = 'f',                                                                                \
                  .kind = OPTION_TEXT,                                                                          \
                  .field = offsetof(type, member.format),                                                       \
                  .argument = "FORMAT",                                                                         \
                  .help = OUTPUT_FORMATS ";\nwithout FILE it is printed in place of the report" },              \
        {                                                                                                       \
                .name = "threads", .letter = 't', .kind = OPTION_FLAG, .field = offsetof(type, member.threads), \
                .help = "tell threads apart in FILE"                                                            \
        }

struct graph {
        struct graph_options options;
        struct output output;
        struct outside outside;
        struct profile_set set; /* one profile of each process */
};

#define GRAPH_NONE                                             \
        {                                                      \
                .output = OUTPUT_NONE, .outside = OUTSIDE_NONE \
        }

/* Whether it is wanted at all; and whether it takes the place of the report on standard output. */
bool graph_is_wanted(const struct graph *graph);
bool graph_is_printed(const struct graph *graph);

/*
 * Opens the file, if one is wanted. @ret_duties gets what the child that stays outside of the confinement is to do; it
 * is started as @graph->outside. GO_ON, or an exit status after a message.
 */
int graph_open(struct graph *graph, const struct usage *usage, struct outside_duty ret_duties[static OUTSIDE_DEEDS]);

/* Adds a profile that was sampled in mode blame to that of its process. 0 or negative errno. Without a wish, does nothing. */
int graph_add(struct graph *graph, const struct profile *profile);

/* Writes the file. html has a table of the threads as well. 0 or negative errno. Without a wish, does nothing. */
int graph_write(struct graph *graph, const struct blame *blame);

/* Without graph_write() before, removes the file that it has made. */
void graph_close(struct graph *graph);

#endif
