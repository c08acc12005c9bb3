/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying within bounds. One part of podflame's CPU time does not depend on the rate (finding, sending), the other is
 * proportional to it. The rate is scaled by the allowed time divided by the time used. Within a few windows that comes
 * close to the bound, however large the first part is, if the bound can be kept at all.
 */
#include "agent/health/health.h"

/*
 * The rate is set to use a part of the bound (AIM), so that chance does not exceed it. It rises only if a smaller part
 * (ROOM) is used, and by no more than RISE_MAX at a time.
 */
#define AIM 0.85
#define ROOM 0.7
#define RISE_MAX 2.0

/* The most CPU seconds that a sample takes, on crowded machines and with deep stacks. */
#define SAMPLE_S 50e-6

static double scale_for_cpu(const struct health_budget *budget, double cpu)
{
        if (budget->max_cpu <= 0 || cpu <= 0)
                return RISE_MAX;
        double fits = AIM * budget->max_cpu / cpu;
        if (cpu > budget->max_cpu)
                return fits;
        if (cpu > ROOM * budget->max_cpu)
                return 1;
        return fits < RISE_MAX ? fits : RISE_MAX;
}

/*
 * Caches are emptied first. If memory still exceeds the bound after that, new stacks take it, and fewer samples find
 * fewer of them.
 */
static double scale_for_memory(struct health_budget *budget, uint64_t rss_bytes, bool *ret_trim)
{
        if (budget->max_memory == 0)
                return RISE_MAX;
        bool over = rss_bytes > budget->max_memory, again = over && budget->trimmed;

        budget->trimmed = over;
        *ret_trim = over;
        if (over)
                return again ? 0.5 : 1;
        return (double)rss_bytes > ROOM * (double)budget->max_memory ? 1 : RISE_MAX;
}

static unsigned scale_rate(const struct health_budget *budget, double scale)
{
        double rate = budget->rate * scale;

        /* A low rate rises by at least one. */
        if (scale > 1 && rate < budget->rate + 1)
                rate = budget->rate + 1;
        if (rate < 1)
                return 1;
        return rate < budget->max_rate ? (unsigned)rate : budget->max_rate;
}

unsigned health_budget_begin(struct health_budget *budget, unsigned cpus)
{
        double fits = budget->max_cpu / SAMPLE_S / (cpus > 0 ? cpus : 1);

        budget->rate = budget->max_rate;
        if (budget->max_cpu > 0 && fits < budget->max_rate)
                budget->rate = fits < 1 ? 1 : (unsigned)fits;
        return budget->rate;
}

struct health_advice health_budget_look(struct health_budget *budget, double seconds, double cpu_s, uint64_t rss_bytes)
{
        struct health_advice advice = { .rate = budget->rate };

        if (seconds <= 0)
                return advice;
        budget->cpu = cpu_s / seconds;
        double for_cpu = scale_for_cpu(budget, budget->cpu);
        double for_memory = scale_for_memory(budget, rss_bytes, &advice.trim);
        advice.rate = scale_rate(budget, for_cpu < for_memory ? for_cpu : for_memory);
        advice.hopeless = budget->rate == 1 && (for_cpu < 1 || for_memory < 1);
        budget->rate = advice.rate;
        return advice;
}
