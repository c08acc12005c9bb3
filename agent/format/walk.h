/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_WALK_H
#define FORMAT_WALK_H

#include "agent/profile/profile.h"

/*
 * A set of profiles as one sequence of stacks, for formats that know nothing but
 * stacks. What else there is to tell becomes frames: the container and the
 * process at the root when the set holds more than one profile, then the thread
 * if it was told apart, and "(idle)" as the leaf of an idle thread.
 */
struct walk_frame {
        const char *name;
        const char *file;    /* "": none */
        uint32_t line;       /* 0: not known */
        uint32_t first_line; /* of the function */
};

#define WALK_IDLE "(idle)"

/*
 * Calls @each for every sample, frames root first; they live until it returns.
 * Stops at, and returns, what is not 0. -ENOMEM.
 */
int walk_samples(const struct profile_set *set,
                 int (*each)(void *ctx, const struct walk_frame *frames, size_t n, uint64_t count), void *ctx);

#endif
