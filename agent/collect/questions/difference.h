/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_DIFFERENCE_H
#define COLLECT_DIFFERENCE_H

/* What differs between two sides, and how sure that is. */

#include "agent/compare/compare.h"

enum difference_verdict {
        DIFFERENCE_SAME,   /* any change is smaller than what matters, by its 95 % interval */
        DIFFERENCE_UNSURE, /* it may have changed by what matters, and may not */
        DIFFERENCE_GREW,
        DIFFERENCE_SHRANK,
        DIFFERENCE_NEW,  /* grew, and the base does not have it */
        DIFFERENCE_GONE, /* shrank, and only the base has it */
};
const char *difference_verdict_name(enum difference_verdict verdict);

struct difference_row {
        enum difference_verdict verdict;
        double p[COMPARE_MEASURES]; /* of growth, or for a share that fell of shrinking; negative: not tested */
        size_t folded_into;         /* the row whose growth explains that of this one; SIZE_MAX: none */
};

struct difference {
        struct compare_result *comparison; /* NULL: a side has no active samples */
        struct difference_row *rows;       /* as many as @comparison has functions, in the same order */
        bool equal;                        /* each stack has the same samples on both sides */
        char *sentence;                    /* plain text */
};

/* Compares. @sides may be empty. -ENOMEM, -ENOSPC. The caller deinitialises @ret in any case. */
int difference_make(const struct profile_set sides[static COMPARE_SIDES], struct difference *ret);
/*
 * Leaves the @max most frequent stacks, for a tree that can be drawn. The others become one, COLLECT_REST. Functions keep
 * what was found of them. -ENOMEM.
 */
int difference_cut(struct difference *difference, size_t max);

void difference_deinit(struct difference *difference);

#endif
