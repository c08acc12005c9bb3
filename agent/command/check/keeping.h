/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_KEEPING_H
#define CHECK_KEEPING_H

/*
 * Good profiles on their way from where they are judged, which has no privileges, to the folder where they are kept:
 * packed in memory that both share, written by who stays outside.
 */

#include "agent/command/cli/outside.h"
#include "baseline.h"

struct keeping {
        const char *dir, *branch;
        size_t keep;
        const struct outside *outside; /* who writes it */
        int fd;                        /* of memory: what is to be kept */
        char *reason;                  /* shared: why it cannot be */
};

#define KEEPING_NONE     \
        {                \
                .fd = -1 \
        }

/* @dir and @branch must live as long as @ret. 0 or negative errno. */
int keeping_open(const char *dir, const char *branch, size_t keep, struct keeping *ret);

/* Adds what @outside, which is to be started then, and must live as long as @keeping, does for it. */
void keeping_duties(struct keeping *keeping, const struct outside *outside,
                    struct outside_duty duties[static OUTSIDE_DEEDS]);

/* As baseline_pack() and baseline_add(): 0, or BASELINE_E_TOLD with @reason. */
int keeping_add(struct keeping *keeping, const struct profile_set *set, const size_t *run_of,
                char reason[static BASELINE_REASON_SIZE]);

void keeping_close(struct keeping *keeping); /* accepts KEEPING_NONE */

#endif
