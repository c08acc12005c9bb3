/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FLAT_H
#define FORMAT_FLAT_H

#include "agent/profile/profile.h"

#include <stdbool.h>

/*
 * A set of profiles as one profile whose stacks have all that walk_samples() makes frames of. Each stack is counted
 * once. It has no threads, no states and no addresses.
 */
struct flat {
        struct profile *profile;
        bool timed; /* the time of each sample is known */
};

/* -ENOMEM, -ENOSPC. */
int flat_init(struct flat *flat, const struct profile_set *set);
void flat_deinit(struct flat *flat); /* accepts {0} */

#endif
