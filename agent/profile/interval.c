/* SPDX-License-Identifier: Apache-2.0 */
/*
 * E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927): those shares p whose
 * distance from the share that was seen is at most z of p's own standard errors.
 */
#include "interval.h"

#include <math.h>

/* The standard normal distribution is beyond this, on either side, with a probability of 5 %. */
#define Z95 1.959963984540054

struct profile_interval profile_interval(uint64_t hits, uint64_t samples)
{
        if (samples == 0)
                return (struct profile_interval){ .share = 0, .low = 0, .high = 1 };

        double n = (double)samples, share = hits < samples ? (double)hits / n : 1;
        double square = Z95 * Z95 / n;
        double middle = (share + square / 2) / (1 + square);
        double half = sqrt(square * (share * (1 - share) + square / 4)) / (1 + square);

        /* At the ends the rounding of the root must not leave out the share itself. */
        return (struct profile_interval){
                .share = share,
                .low = share == 0 ? 0 : fmax(0, middle - half),
                .high = share == 1 ? 1 : fmin(1, middle + half),
        };
}
