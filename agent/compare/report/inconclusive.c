/* SPDX-License-Identifier: Apache-2.0 */
/* Why it cannot be told whether something grew, and what would help. */
#include "report.h"

#include "agent/base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From this phi on most of the error is noise between runs, which longer runs do not lessen. */
#define PHI_BETWEEN_RUNS 2
/* A growth of more than this many times the share is no figure that tells anything. */
#define TIMES_TOLD 5

static const char turns[] = "; or judge more coarsely (--points, --relative) or less (--only)";

static char *say_few_samples(const struct compare_result *c)
{
        char *scope = report_scope(c);
        char *text = scope ? report_text_of(
                                     "too few samples to judge (%s); --only and --from choose others, longer runs "
                                     "have more",
                                     scope)
                           : NULL;

        free(scope);
        return text;
}

/* What would help: more runs, and how long they take; longer runs; or nothing. */
static char *say_what_helps(const struct compare_result *c, const struct compare_judgement *j,
                            const struct compare_change *weak)
{
        size_t most = c->runs[COMPARE_BASE] > c->runs[COMPARE_NEW] ? c->runs[COMPARE_BASE] : c->runs[COMPARE_NEW];
        double minutes = c->run_seconds * 2 * ((double)j->runs - (double)most) / 60;
        bool between = weak->phi >= PHI_BETWEEN_RUNS;
        char took[64] = "";

        if (j->runs == 0)
                return weak->df == 0
                               ? strdup("Record more runs")
                               : report_text_of("It cannot be told with this workload, since even 20 times as many "
                                                "runs would not do");
        if (minutes > 0)
                snprintf(took, sizeof(took), " (%.1f minutes more)", fmax(0.1, minutes));
        return report_text_of("About %zu runs a side would do%s; %s", j->runs, took,
                              between ? "longer runs would not, since the noise is between runs"
                                      : "so would longer runs, or a higher rate");
}

char *report_inconclusive(const struct compare_result *c, const struct compare_judgement *j)
{
        if (compare_has_few_samples(c))
                return say_few_samples(c);
        if (j->futile)
                return strdup("no function has a share that could grow: there is nothing to judge");

        const struct compare_change *weak = &j->weakest->by[j->weakest_measure];
        double share = weak->share[COMPARE_BASE], promised = c->criteria.sensitivity * weak->threshold;
        char *name = escape_clean(j->weakest->key), *helps = say_what_helps(c, j, weak), *text = NULL;
        char growth[48];

        if (share > 0 && weak->possible < TIMES_TOLD * share)
                snprintf(growth, sizeof(growth), "%.0f %% of that", 100 * weak->possible / share);
        else
                snprintf(growth, sizeof(growth), "%d times that", TIMES_TOLD);
        if (name && helps)
                text = report_text_of(
                        "no regression was found, but growth of %zu function%s is not ruled out yet; at "
                        "worst, %s (%s %.1f %%) may have grown by up to %s, where a pass needs less than %.0f %%. %s%s",
                        j->blind, j->blind == 1 ? "" : "s", name, compare_measure_name(j->weakest_measure), 100 * share,
                        growth, share > 0 ? 100 * promised / share : 100 * promised, helps, turns);
        free(name);
        free(helps);
        return text;
}
