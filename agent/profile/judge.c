/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comparison to a verdict. A regression that was found is one, however little was
 * sampled; but that none was found means something only if it would have been.
 */
#include "internal.h"
#include "statistics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
        [PROFILE_PASS] = "pass",
        [PROFILE_REGRESSION] = "regression",
        [PROFILE_INVALID] = "invalid",
        [PROFILE_INCONCLUSIVE] = "inconclusive",
};

const char *profile_verdict_name(enum profile_verdict verdict)
{
        return names[verdict];
}

/* ---- what would have been found ---------------------------------------------------- */

static void look_for_weakness(const struct profile_compared *row, struct profile_judgement *judgement)
{
        bool blind = false;

        for (int measure = 0; measure < PROFILE_MEASURES; measure++) {
                double more = row->by[measure].more;

                blind |= more > 1;
                if (more <= judgement->more)
                        continue;
                judgement->more = more;
                judgement->weakest = row;
                judgement->weakest_measure = (enum profile_measure)measure;
        }
        judgement->blind += blind;
}

/* ---- the verdict --------------------------------------------------------------------- */

static enum profile_verdict decide(const struct profile_comparison *c, const struct profile_judgement *judgement)
{
        if (judgement->regressions > 0)
                return PROFILE_REGRESSION;
        if (judgement->blind > 0 || c->tested[PROFILE_SELF] + c->tested[PROFILE_TOTAL] == 0)
                return PROFILE_INCONCLUSIVE;
        return PROFILE_PASS;
}

int profile_judge(const struct profile_comparison *comparison, struct profile_judgement *ret)
{
        struct profile_judgement judgement = {.more = 1};

        for (size_t i = 0; i < comparison->n; i++) {
                const struct profile_compared *row = &comparison->functions[i];

                if (row->allowed)
                        continue;
                look_for_weakness(row, &judgement);
                judgement.regressions += row->by[PROFILE_SELF].regression || row->by[PROFILE_TOTAL].regression;
        }

        int r = profile_find_causes(comparison, &judgement);

        if (r < 0) {
                profile_judgement_deinit(&judgement);
                return r;
        }
        judgement.verdict = decide(comparison, &judgement);
        *ret = judgement;
        return 0;
}

void profile_judgement_deinit(struct profile_judgement *judgement)
{
        for (size_t i = 0; i < judgement->causes_n; i++)
                free(judgement->causes[i].path);
        free(judgement->causes);
        *judgement = (struct profile_judgement){0};
}

/* ---- cost ------------------------------------------------------------------------------- */

bool profile_cost_of(const struct profile_comparison *comparison, double units, struct profile_cost *ret)
{
        const double *const seconds[PROFILE_SIDES] = {comparison->seconds[PROFILE_BASE],
                                                      comparison->seconds[PROFILE_NEW]};
        struct statistics_means means;

        if (comparison->runs[PROFILE_BASE] < 2 || comparison->runs[PROFILE_NEW] < 2)
                return false;
        profile_welch(seconds, comparison->runs, &means);

        double base = means.mean[PROFILE_BASE];

        if (base <= 0 || means.mean[PROFILE_NEW] <= 0)
                return false;
        *ret = (struct profile_cost){
                .mean = {base / units, means.mean[PROFILE_NEW] / units},
                .change = means.change / base,
                .low = means.low / base,
                .high = means.high / base,
                .p = means.p,
        };
        return true;
}
