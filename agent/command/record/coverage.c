/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of a recording, for people. If nothing is printed, they balance: apart from chance, the samples stand for
 * the time that the kernel accounted.
 */
#include "coverage.h"

#include "agent/command/cli/messages.h"

#include <stdlib.h>

/* At most this many processes are printed. More lines would add nothing to the line about all together. */
#define PROCESSES_TOLD 10

/* All profiles of a recording have the same settings, except for their times. */
static struct profile_settings settings_of(const struct profile_set *set)
{
        return set->n > 0 ? *profile_settings(set->items[0]) : (struct profile_settings){ 0 };
}

static struct profile_counters sum_of(const struct profile_set *set)
{
        struct profile_counters sum = { 0 };

        for (size_t i = 0; i < set->n; i++)
                profile_counters_add(&sum, profile_counters_of(set->items[i]));
        return sum;
}

/*
 * Whether a profile is that of a process, and its coverage is low. The time of descendants that ended before they were
 * opened belongs to no process, and is in the line about all together.
 */
static bool is_low_process(const struct profile *p)
{
        return profile_attribute(p, "process.pid") &&
               profile_coverage_is_low(profile_counters_of(p), profile_settings(p)->period_ns);
}

/* ---- processes ----------------------------------------------------------------------- */

static double lost_ns(const struct profile *p)
{
        const struct profile_counters *c = profile_counters_of(p);

        return (double)c->accounted_ns - (double)c->sampled_ns - (double)c->left_out_ns;
}

static int by_loss(const void *a, const void *b)
{
        double x = lost_ns(*(const struct profile *const *)a), y = lost_ns(*(const struct profile *const *)b);

        return (x < y) - (x > y);
}

static void say_process(const struct profile *p)
{
        const char *pid = profile_attribute(p, "process.pid"), *name = profile_attribute(p, "service.name");
        char sentence[PROFILE_COVERAGE_SIZE];

        profile_coverage_tell(profile_counters_of(p), profile_settings(p)->mode, sentence, sizeof sentence);
        say("process %s%s%s%s: coverage %s", pid ? pid : "?", name ? " (" : "", name ? name : "", name ? ")" : "",
            sentence);
}

static void say_low_processes(const struct profile_set *set)
{
        const struct profile **low = calloc(set->n, sizeof *low);
        size_t n = 0;

        if (!low)
                return;
        for (size_t i = 0; i < set->n; i++)
                if (is_low_process(set->items[i]))
                        low[n++] = set->items[i];
        qsort(low, n, sizeof *low, by_loss);
        for (size_t i = 0; i < n && i < PROCESSES_TOLD; i++)
                say_process(low[i]);
        if (n > PROCESSES_TOLD)
                say("%zu more processes of low coverage", n - PROCESSES_TOLD);
        free(low);
}

/* ---- all together ---------------------------------------------------------------------- */

void coverage_say(const struct profile_set *set, bool verbose)
{
        const struct profile_counters sum = sum_of(set);
        const struct profile_settings settings = settings_of(set);
        char sentence[PROFILE_COVERAGE_SIZE];

        profile_coverage_tell(&sum, settings.mode, sentence, sizeof sentence);
        if (*sentence && (verbose || profile_coverage_is_low(&sum, settings.period_ns)))
                say("coverage %s", sentence);
        if (set->n > 1)
                say_low_processes(set);
}

/* In 1 of 20 cases no tick meets a time of this many periods, by chance. */
#define PERIODS_EXPECTED 3

void coverage_say_no_samples(const struct profile_set *set)
{
        const struct profile_counters sum = sum_of(set);
        const struct profile_settings settings = settings_of(set);
        char sentence[PROFILE_COVERAGE_SIZE];

        if (sum.accounted_ns == 0) {
                say("no samples: nothing ran%s",
                    settings.mode == PROFILE_MODE_CPU ? ", and mode cpu counts no sleeping threads; --idle does" : "");
        } else if (sum.accounted_ns < PERIODS_EXPECTED * settings.period_ns) {
                say("no samples: %.1f ms of time were accounted, and ticks come every %.1f ms; record for longer, or "
                    "at a "
                    "higher --rate",
                    (double)sum.accounted_ns / 1e6, (double)settings.period_ns / 1e6);
        } else {
                profile_coverage_tell(&sum, settings.mode, sentence, sizeof sentence);
                say("no samples; coverage %s", sentence);
        }
}
