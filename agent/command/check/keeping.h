/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_KEEPING_H
#define CHECK_KEEPING_H

/*
 * Good profiles on their way from the judging process, which has no privileges, to the folder of baselines. They are
 * packed in memory that both processes share, and the child outside writes them.
 */

#include "agent/command/cli/outside.h"
#include "baseline.h"

struct keeping {
        const char *dir, *branch;
        size_t keep;
        const struct outside *outside; /* the child that writes them */
        int fd;                        /* a file in memory with the packed profiles */
        char *reason;                  /* in shared memory: why they cannot be kept */
};

#define KEEPING_NONE     \
        {                \
                .fd = -1 \
        }

/* Opens the keeping. @dir and @branch must live as long as @ret. 0 or negative errno. */
int keeping_open(const char *dir, const char *branch, size_t keep, struct keeping *ret);

/* Adds the duty of @outside. Call it before @outside is started. @outside must live as long as @keeping. */
void keeping_duties(struct keeping *keeping, const struct outside *outside,
                    struct outside_duty duties[static OUTSIDE_DEEDS]);

/* Keeps profiles, like baseline_pack() and baseline_add(). 0, or CHECK_E_TOLD with @reason. */
int keeping_add(struct keeping *keeping, const struct profile_set *set, const size_t *run_of,
                char reason[static BASELINE_REASON_SIZE]);

void keeping_close(struct keeping *keeping); /* accepts KEEPING_NONE */

#endif
