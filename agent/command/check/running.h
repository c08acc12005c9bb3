/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_RUNNING_H
#define CHECK_RUNNING_H

/*
 * Runs a command in two directories, in turn, records each run, and has the runs judged, until the question is answered or
 * the budget is used up. Each recording is a `podflame record` of its own.
 */

#include "reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct running_options {
        const char *dirs[2]; /* the base's and the new one's */
        char **command;      /* the command and its arguments */
        double budget;       /* seconds */
        uint64_t rate;
};

#define RUNNING_DEFAULTS                    \
        {                                   \
                .budget = 600, .rate = 2500 \
        }

/* The most runs of a side. */
#define RUNNING_RUNS_MAX 100

/* What there is to judge. */
struct running_look {
        const char *files[2][RUNNING_RUNS_MAX]; /* the base's and the new ones */
        size_t runs;                            /* of each side */
        double alpha_part;                      /* the part of alpha that this look may use up */
        double miss_part;                       /* the part of the probability to overlook growth */
        bool last;                              /* there will be no other one */
        const char *note;                       /* a sentence for the report */
};

#define RUNNING_GO_ON 64 /* of a look: it cannot be told yet */
#define RUNNING_REASON_SIZE 512

/*
 * @judge is called in a child process for each look, and returns an exit status, or RUNNING_GO_ON if it is not the last
 * one. Returns that exit status, or -1 with @reason if the runs cannot be judged.
 */
int running_run(const struct running_options *options, int (*judge)(void *ctx, const struct running_look *look),
                void *ctx, char reason[static RUNNING_REASON_SIZE]);

#endif
