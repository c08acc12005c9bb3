/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a comparison to a verdict. A regression that was found counts, however few samples there are. Finding none means
 * something only if growth that matters is ruled out.
 */
#include "internal.h"
#include "statistics.h"

#include <errno.h>
#include <math.h>
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

/* ---- how much is not ruled out ------------------------------------------------------ */

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

/* More runs than this, in times of those that there are, are no advice. */
#define TIMES_MAX 20

/* The probability with which a function that has not grown is told to be steady, by runs as many as are advised. */
#define POWER 0.9

/* How many errors of the change there must be in the promised growth for that, with @df degrees of freedom. */
static double errors_needed(const struct compare_result *c, unsigned df)
{
        return statistics_t_quantile(c->criteria.miss * c->criteria.miss_part, df) - statistics_t_quantile(POWER, df);
}

/*
 * About how many runs a side would be enough for the weakest function. With more runs the error shrinks by their root, and
 * the noise between them is known better. 0: too many to be worth it, or not known.
 */
static size_t count_runs_needed(const struct compare_result *c, const struct compare_judgement *judgement)
{
        const struct compare_change *weak = &judgement->weakest->by[judgement->weakest_measure];
        double runs = (double)(c->runs[COMPARE_BASE] + c->runs[COMPARE_NEW]) / 2;
        double promised = c->criteria.sensitivity * weak->threshold;

        if (weak->df == 0)
                return 0;
        double error = (weak->possible - weak->change) /
                       statistics_t_quantile(c->criteria.miss * c->criteria.miss_part, weak->df);

        for (double wanted = ceil(runs + 0.5); wanted <= TIMES_MAX * runs; wanted++) {
                double df = weak->df * (wanted - 1) / fmax(0.5, runs - 1);

                if (error * sqrt(runs / wanted) * errors_needed(c, (unsigned)df) <= promised)
                        return (size_t)wanted;
        }
        return 0;
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

/* With fewer samples of a side nothing can be said of its functions. */
#define SAMPLES_FEW 100

bool compare_has_few_samples(const struct compare_result *comparison)
{
        return comparison->samples[COMPARE_BASE] < SAMPLES_FEW || comparison->samples[COMPARE_NEW] < SAMPLES_FEW;
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
        judgement.futile = judgement.verdict == COMPARE_INCONCLUSIVE && !judgement.weakest &&
                           !compare_has_few_samples(comparison);
        if (judgement.weakest)
                judgement.runs = count_runs_needed(comparison, &judgement);
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
