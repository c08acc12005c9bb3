/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_WALK_H
#define FORMAT_WALK_H

#include "agent/profile/profile.h"

/*
 * A set of profiles as one sequence of stacks, for formats that know only stacks. All other facts become frames. The
 * container and the process are frames at the root if the set has more than one profile. Then comes the thread, if
 * threads are told apart. "(idle)" is the leaf of an idle thread, unless its
 * stack has a leaf that says more (profile_reason_kind()).
 */
struct walk_frame {
        const char *name;
        const char *file;    /* "": none */
        uint32_t line;       /* 0: not known */
        uint32_t first_line; /* first line of the function */
        enum profile_kind kind;
};

#define WALK_IDLE "(idle)"

/* A sample of the set, or a moment of its timeline. */
struct walk_stack {
        const struct walk_frame *frames; /* root first */
        size_t n;
        uint64_t count;
        uint64_t nanoseconds; /* the time that it stands for; 0: not known */
};

/*
 * Calls @each for every sample. What it gets lives until @each returns. If @each returns non-zero, stops and returns
 * that value. -ENOMEM.
 */
int walk_samples(const struct profile_set *set, int (*each)(void *ctx, const struct walk_stack *stack), void *ctx);

/* The time that a sample of @p stands for: as it was told, otherwise by the period. 0: not known. */
uint64_t walk_sample_ns(const struct profile *p, const struct profile_sample *sample);

#endif
