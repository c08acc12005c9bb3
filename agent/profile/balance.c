/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a profile: compare the accounted time with the time that samples stand for. */
#include "internal.h"

#include <math.h>

/* A gap of more standard errors than this is not called chance: 1 profile in 700 exceeds it by chance. */
#define SIGMAS 3

void profile_counters_add(struct profile_counters *to, const struct profile_counters *from)
{
        uint64_t *sum = (uint64_t *)to;
        const uint64_t *part = (const uint64_t *)from;

        /* All fields are uint64_t, which format/summary.c asserts. */
        for (size_t i = 0; i < sizeof(*to) / sizeof(*sum); i++)
                sum[i] += part[i];
}

void profile_losses(const struct profile_counters *c, struct profile_loss ret[PROFILE_LOSSES])
{
        const struct profile_loss known[PROFILE_LOSSES - 1] = {
                { "unopened", "before it was opened", c->unopened_ns },
                { "late", "read too late", c->late_ns },
                { "torn", "changed while it was read", c->torn_ns },
                { "gone", "ended before it was read", c->gone_ns },
                { "failed", "could not be read", c->failed_ns },
        };
        uint64_t explained = c->sampled_ns + c->left_out_ns;

        for (size_t i = 0; i < PROFILE_LOSSES - 1; i++) {
                ret[i] = known[i];
                explained += known[i].ns;
        }
        ret[PROFILE_LOSSES - 1] = (struct profile_loss){ "unseen", "not seen by any tick",
                                                         c->accounted_ns > explained ? c->accounted_ns - explained
                                                                                     : 0 };
}

static double seen_ns(const struct profile_counters *c)
{
        return (double)c->sampled_ns + (double)c->left_out_ns;
}

double profile_coverage(const struct profile_counters *c)
{
        return c->accounted_ns == 0 ? -1 : seen_ns(c) / (double)c->accounted_ns;
}

bool profile_coverage_is_low(const struct profile_counters *c, uint64_t period_ns)
{
        struct profile_loss losses[PROFILE_LOSSES];
        double accounted = (double)c->accounted_ns;
        double allowed = (1 - PROFILE_COVERAGE_WANTED) * accounted;
        double counted = 0;

        profile_losses(c, losses);
        for (size_t i = 0; i < PROFILE_LOSSES - 1; i++)
                counted += (double)losses[i].ns;
        /* The number of ticks that meet a thread varies no more than a Poisson variable. */
        double chance = SIGMAS * sqrt(accounted * (double)period_ns);

        return c->accounted_ns > 0 && (counted > allowed + chance || accounted - seen_ns(c) > allowed + chance);
}
