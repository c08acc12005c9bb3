/* SPDX-License-Identifier: Apache-2.0 */
/* The coverage and the losses in one sentence. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Smaller losses would be printed as "0.00 s". */
#define LEAST_TOLD_NS 5000000

/* The time that is accounted in each mode: see struct profile_counters. */
static const char *const accounted_of[] = {
        [PROFILE_MODE_CPU] = "CPU time",
        [PROFILE_MODE_WALL] = "the threads' time",
        [PROFILE_MODE_GIL] = "the process's time",
        [PROFILE_MODE_BLAME] = "the process's time",
};

static int by_size(const void *a, const void *b)
{
        const struct profile_loss *x = a, *y = b;

        return x->ns != y->ns ? (x->ns < y->ns) - (x->ns > y->ns) : strcmp(x->name, y->name);
}

size_t profile_losses_by_size(const struct profile_counters *counters, struct profile_loss ret[PROFILE_LOSSES])
{
        size_t n = 0;

        profile_losses(counters, ret);
        qsort(ret, PROFILE_LOSSES, sizeof(*ret), by_size);
        while (n < PROFILE_LOSSES && ret[n].ns > 0)
                n++;
        return n;
}

static double ns_to_seconds(uint64_t ns)
{
        return (double)ns / 1e9;
}

static void write_losses(const struct profile_counters *c, FILE *out)
{
        struct profile_loss losses[PROFILE_LOSSES];
        size_t n = profile_losses_by_size(c, losses);

        for (size_t i = 0; i < n && losses[i].ns >= LEAST_TOLD_NS; i++)
                fprintf(out, "%s%s %.2f s", i == 0 ? "; " : ", ", losses[i].reason, ns_to_seconds(losses[i].ns));
}

void profile_coverage_tell(const struct profile_counters *c, enum profile_mode mode, char *ret, size_t size)
{
        double coverage = profile_coverage(c);
        FILE *out = fmemopen(ret, size - 1, "w");

        *ret = ret[size - 1] = '\0';
        if (!out)
                return;
        if (coverage >= 0) {
                fprintf(out, "%.1f %%: of %.2f s of %s, samples stand for %.2f s", 100 * coverage,
                        ns_to_seconds(c->accounted_ns), accounted_of[mode], ns_to_seconds(c->sampled_ns));
                if (c->left_out_ns >= LEAST_TOLD_NS)
                        fprintf(out, ", %.2f s are left out as asked", ns_to_seconds(c->left_out_ns));
                write_losses(c, out);
        }
        fclose(out);
}
