/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_INTERVAL_H
#define PROFILE_INTERVAL_H

/* How far chance may have moved a share of samples. It is a part of profile.h, which includes it. */

#include <stdint.h>

struct profile_interval {
        double share, low, high; /* from 0 to 1 */
};

/*
 * The share of @hits among @samples, and its 95 % confidence interval: Wilson's score interval, which also holds for
 * shares near 0 and 1. It takes the samples for independent. Those of one long wait are not: then the truth may lie
 * further away. Without samples nothing is known: 0, from 0 to 1. @hits beyond @samples count as all of them.
 */
struct profile_interval profile_interval(uint64_t hits, uint64_t samples);

#endif
