/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_JOINT_H
#define PROFILE_JOINT_H

/* The stacks of two sides in one profile, and how often each function was in them, run by run. */

#include "profile.h"

struct joint {
        struct profile *stacks;
        uint64_t (*counts)[PROFILE_SIDES]; /* by stack id */
        size_t runs[PROFILE_SIDES];
        uint64_t *samples; /* by run: those of the base, then the new ones; active */
        uint64_t *hits;    /* see joint_hits() */
        double *seconds;   /* by run */
};

int profile_joint_make(const struct profile_set sides[static PROFILE_SIDES], struct joint *ret);
void profile_joint_deinit(struct joint *joint); /* accepts {0} */

/* The hits of a function by run, in the order of the samples. */
static inline uint64_t *joint_hits(const struct joint *joint, profile_id function, enum profile_measure measure)
{
        size_t runs = joint->runs[PROFILE_BASE] + joint->runs[PROFILE_NEW];

        return joint->hits + ((size_t)(function - 1) * PROFILE_MEASURES + measure) * runs;
}

#endif
