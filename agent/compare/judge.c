/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a comparison to a verdict. A regression that was found counts, however few samples there are. Finding none means
 * something only if a regression would have been found.
 */
#include "internal.h"
#include "statistics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
        [COMPARE_PASS] = "pass",
        [COMPARE_REGRESSION] = "regression",
        [COMPARE_INVALID] = "invalid",
        [COMPARE_INCONCLUSIVE] = "inconclusive",
};

const char *compare_verdict_name(enum compare_verdict verdict)
{
        return names[verdict];
}

/* ---- how much could have been missed ----------------------------------------------- */

static void note_weakness(const struct compare_function *row, struct compare_judgement *judgement)
{
        bool blind = false;

        for (int measure = 0; measure < COMPARE_MEASURES; measure++) {
                double more = row->by[measure].more;

                blind |= more > 1;
                if (more <= judgement->more)
                        continue;
                judgement->more = more;
                judgement->weakest = row;
                judgement->weakest_measure = (enum compare_measure)measure;
        }
        judgement->blind += blind;
}

/* ---- the verdict --------------------------------------------------------------------- */

static enum compare_verdict decide_verdict(const struct compare_result *c, const struct compare_judgement *judgement)
{
        if (judgement->regressions > 0)
                return COMPARE_REGRESSION;
        if (judgement->blind > 0 || c->tested[COMPARE_SELF] + c->tested[COMPARE_TOTAL] == 0)
                return COMPARE_INCONCLUSIVE;
        return COMPARE_PASS;
}

int compare_judge(const struct compare_result *comparison, struct compare_judgement *ret)
{
        struct compare_judgement judgement = { .more = 1 };

        for (size_t i = 0; i < comparison->n; i++) {
                const struct compare_function *row = &comparison->functions[i];

                if (row->allowed)
                        continue;
                note_weakness(row, &judgement);
                judgement.regressions += row->by[COMPARE_SELF].regression || row->by[COMPARE_TOTAL].regression;
        }

        int r = compare_find_causes(comparison, &judgement);

        if (r < 0) {
                compare_judgement_deinit(&judgement);
                return r;
        }
        judgement.verdict = decide_verdict(comparison, &judgement);
        *ret = judgement;
        return 0;
}

void compare_judgement_deinit(struct compare_judgement *judgement)
{
        for (size_t i = 0; i < judgement->causes_n; i++)
                free(judgement->causes[i].path);
        free(judgement->causes);
        *judgement = (struct compare_judgement){ 0 };
}

/* ---- cost ------------------------------------------------------------------------------- */

bool compare_cost_of(const struct compare_result *comparison, double units, struct compare_cost *ret)
{
        const double *const seconds[COMPARE_SIDES] = { comparison->seconds[COMPARE_BASE],
                                                       comparison->seconds[COMPARE_NEW] };
        struct statistics_means means;

        if (comparison->runs[COMPARE_BASE] < 2 || comparison->runs[COMPARE_NEW] < 2)
                return false;
        statistics_welch(seconds, comparison->runs, &means);

        double base = means.mean[COMPARE_BASE];

        if (base <= 0 || means.mean[COMPARE_NEW] <= 0)
                return false;
        *ret = (struct compare_cost){
                .mean = { base / units, means.mean[COMPARE_NEW] / units },
                .change = means.change / base,
                .low = means.low / base,
                .high = means.high / base,
                .p = means.p,
        };
        return true;
}
