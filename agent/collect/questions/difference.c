/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/questions/difference.h"
#include "agent/collect/query.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {
        [DIFFERENCE_SAME] = "same",     [DIFFERENCE_UNSURE] = "unsure", [DIFFERENCE_GREW] = "grew",
        [DIFFERENCE_SHRANK] = "shrank", [DIFFERENCE_NEW] = "new",       [DIFFERENCE_GONE] = "gone",
};

const char *difference_verdict_name(enum difference_verdict verdict)
{
        return verdict_names[verdict];
}

/* ---- verdicts ------------------------------------------------------------- */

static int order_keys(const void *a, const void *b)
{
        const struct compare_function *x = *(const struct compare_function *const *)a;
        const struct compare_function *y = *(const struct compare_function *const *)b;

        return strcmp(x->key, y->key);
}

/* The functions of a comparison by their keys; to be freed. NULL if memory ran out. */
static const struct compare_function **sort_by_key(const struct compare_result *comparison)
{
        const struct compare_function **sorted = calloc(comparison->n + 1, sizeof(*sorted));

        for (size_t i = 0; sorted && i < comparison->n; i++)
                sorted[i] = &comparison->functions[i];
        if (sorted)
                qsort(sorted, comparison->n, sizeof(*sorted), order_keys);
        return sorted;
}

static double probability_of(const struct compare_change *growth, const struct compare_change *shrinking)
{
        const struct compare_change *change = growth->change >= 0 ? growth : shrinking;

        return change->tested ? change->p : -1;
}

static double threshold_of(const struct compare_criteria *criteria, const struct compare_change *change)
{
        return fmax(criteria->points, criteria->relative * change->share[COMPARE_BASE]);
}

/* @shrinking: the same function, with the sides exchanged. */
static void judge_row(const struct compare_criteria *criteria, const struct compare_function *growth,
                      const struct compare_function *shrinking, struct difference_row *ret)
{
        bool grew = false, shrank = false, same = true;

        for (int measure = 0; measure < COMPARE_MEASURES; measure++) {
                const struct compare_change *change = &growth->by[measure];
                double threshold = threshold_of(criteria, change);

                ret->p[measure] = probability_of(change, &shrinking->by[measure]);
                grew |= change->regression;
                shrank |= shrinking->by[measure].regression;
                same &= change->high < threshold && change->low > -threshold;
        }
        if (grew)
                ret->verdict = growth->by[COMPARE_TOTAL].hits[COMPARE_BASE] == 0 ? DIFFERENCE_NEW : DIFFERENCE_GREW;
        else if (shrank)
                ret->verdict = growth->by[COMPARE_TOTAL].hits[COMPARE_NEW] == 0 ? DIFFERENCE_GONE : DIFFERENCE_SHRANK;
        else
                ret->verdict = same ? DIFFERENCE_SAME : DIFFERENCE_UNSURE;
        ret->folded_into = SIZE_MAX;
}

static int judge_rows(struct difference *difference, const struct compare_result *exchanged)
{
        const struct compare_result *comparison = difference->comparison;
        const struct compare_function **sorted = sort_by_key(exchanged);

        difference->rows = calloc(comparison->n + 1, sizeof(*difference->rows));
        if (!sorted || !difference->rows) {
                free(sorted);
                return -ENOMEM;
        }
        for (size_t i = 0; i < comparison->n; i++) {
                const struct compare_function *row = &comparison->functions[i];
                const struct compare_function **other = bsearch(&row, sorted, exchanged->n, sizeof(*sorted),
                                                                order_keys);

                judge_row(&comparison->criteria, row, other ? *other : row, &difference->rows[i]);
        }
        free(sorted);
        return 0;
}

/* ---- causes --------------------------------------------------------------- */

/* Folds the functions that grew on the way to the cause's function into that one. */
static void fold_path(struct difference *difference, const struct compare_cause *cause)
{
        const struct compare_result *comparison = difference->comparison;
        size_t into = (size_t)(cause->function - comparison->functions);

        for (size_t i = 0; i < comparison->n; i++) {
                const struct compare_function *row = &comparison->functions[i];
                bool grew = row->by[COMPARE_SELF].regression || row->by[COMPARE_TOTAL].regression;

                for (size_t j = 0; grew && i != into && j < cause->path_n; j++) {
                        if (cause->path[j] == row->function && difference->rows[i].folded_into == SIZE_MAX)
                                difference->rows[i].folded_into = into;
                }
        }
}

/* A function after which a cause is named is folded into no other. */
static void unfold_causes(struct difference *difference, const struct compare_judgement *judgement)
{
        for (size_t i = 0; i < judgement->causes_n; i++) {
                size_t named = (size_t)(judgement->causes[i].function - difference->comparison->functions);

                difference->rows[named].folded_into = SIZE_MAX;
        }
}

/* ---- the sentence --------------------------------------------------------- */

static bool is_equal(const struct compare_result *comparison)
{
        for (uint32_t id = 1; id <= profile_stacks(comparison->stacks); id++) {
                if (comparison->counts[id][COMPARE_BASE] != comparison->counts[id][COMPARE_NEW])
                        return false;
        }
        return true;
}

static char *tell_changes(const struct difference *difference, const struct compare_judgement *judgement)
{
        size_t shrank = 0, unsure = 0;
        char *text = NULL, *first = NULL;

        for (size_t i = 0; i < difference->comparison->n; i++) {
                enum difference_verdict verdict = difference->rows[i].verdict;

                shrank += verdict == DIFFERENCE_SHRANK || verdict == DIFFERENCE_GONE;
                unsure += verdict == DIFFERENCE_UNSURE;
        }
        if (judgement->causes_n > 0) {
                const struct compare_cause *cause = &judgement->causes[0];
                const struct compare_change *change = &cause->function->by[cause->measure];

                if (asprintf(&first, ": most of all %s, by %.1f points (%.1f to %.1f)", cause->function->name,
                             100 * change->change, 100 * change->low, 100 * change->high) < 0)
                        return NULL;
        }
        if (judgement->regressions + shrank == 0 && unsure == 0)
                text = strdup("nothing differs by as much as matters: 10 % of a share, and 0.5 points");
        else if (asprintf(&text, "%zu function%s grew%s; %zu shrank; of %zu it is not sure", judgement->regressions,
                          judgement->regressions == 1 ? "" : "s", first ? first : "", shrank, unsure) < 0)
                text = NULL;
        free(first);
        return text;
}

/* Samples of idle threads are not compared. */
static bool has_active_samples(const struct profile_set *side)
{
        for (size_t i = 0; i < side->n; i++) {
                for (size_t j = 0; j < profile_samples(side->items[i]); j++) {
                        if (profile_sample(side->items[i], j)->state == PROFILE_RUNNING)
                                return true;
                }
        }
        return false;
}

static const char *tell_empty(bool has_base, bool has_new)
{
        if (has_base)
                return "the new side has no samples of threads that run";
        return has_new ? "the base has no samples of threads that run" : "neither side has samples of threads that run";
}

/* ---- making --------------------------------------------------------------- */

static int judge_difference(struct difference *difference)
{
        struct compare_judgement judgement = { 0 };
        int r = compare_judge(difference->comparison, &judgement);

        if (r < 0)
                return r;
        for (size_t i = 0; i < judgement.causes_n; i++)
                fold_path(difference, &judgement.causes[i]);
        unfold_causes(difference, &judgement);
        difference->sentence = difference->equal ? strdup("nothing differs") : tell_changes(difference, &judgement);
        compare_judgement_deinit(&judgement);
        return difference->sentence ? 0 : -ENOMEM;
}

int difference_make(const struct profile_set sides[static COMPARE_SIDES], struct difference *ret)
{
        struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        const struct profile_set exchanged_sides[COMPARE_SIDES] = { sides[COMPARE_NEW], sides[COMPARE_BASE] };
        bool has_base = has_active_samples(&sides[COMPARE_BASE]), has_new = has_active_samples(&sides[COMPARE_NEW]);
        struct compare_result *exchanged = NULL;
        int r;

        *ret = (struct difference){ 0 };
        criteria.scope.whole = true;
        if (!has_base || !has_new) {
                ret->sentence = strdup(tell_empty(has_base, has_new));
                ret->equal = has_base == has_new;
                return ret->sentence ? 0 : -ENOMEM;
        }
        r = compare_sides(sides, &criteria, &ret->comparison);
        if (r == 0)
                r = compare_sides(exchanged_sides, &criteria, &exchanged);
        if (r == 0)
                r = judge_rows(ret, exchanged);
        compare_result_free(exchanged);
        if (r < 0)
                return r;
        ret->equal = is_equal(ret->comparison);
        return judge_difference(ret);
}

/* ---- rare stacks ---------------------------------------------------------- */

static int order_sums_descending(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x < y) - (x > y);
}

/* The sum of a stack from which on at most @max stacks remain. -ENOMEM. */
static int choose_least_sum(const struct compare_result *comparison, size_t max, uint64_t *ret)
{
        size_t n = profile_stacks(comparison->stacks);
        uint64_t *sums = calloc(n + 1, sizeof(*sums));

        if (!sums)
                return -ENOMEM;
        for (size_t id = 1; id <= n; id++)
                sums[id - 1] = comparison->counts[id][COMPARE_BASE] + comparison->counts[id][COMPARE_NEW];
        qsort(sums, n, sizeof(*sums), order_sums_descending);
        *ret = sums[max] + 1;
        free(sums);
        return 0;
}

/* Makes the stack that stands for the others, with room for its counts. */
static int make_rest_stack(struct compare_result *comparison, profile_id *ret)
{
        struct profile *stacks = comparison->stacks;
        uint64_t(*counts)[COMPARE_SIDES] = reallocarray(comparison->counts, profile_stacks(stacks) + 2,
                                                        sizeof(*counts));
        profile_id function, frame;

        if (!counts)
                return -ENOMEM;
        comparison->counts = counts;
        memset(counts[profile_stacks(stacks) + 1], 0, sizeof(*counts));
        int r = profile_intern_function(stacks, COLLECT_REST, "", 0, &function);
        if (r == 0)
                r = profile_intern_frame(stacks, function, 0, &frame);
        return r == 0 ? profile_intern_stack(stacks, &frame, 1, ret) : r;
}

int difference_cut(struct difference *difference, size_t max)
{
        struct compare_result *comparison = difference->comparison;
        uint64_t least;
        profile_id rest;

        if (!comparison || profile_stacks(comparison->stacks) <= max)
                return 0;
        int r = choose_least_sum(comparison, max, &least);
        if (r == 0)
                r = make_rest_stack(comparison, &rest);
        for (uint32_t id = 1; r == 0 && id <= profile_stacks(comparison->stacks); id++) {
                uint64_t *counts = comparison->counts[id];

                if (id == rest || counts[COMPARE_BASE] + counts[COMPARE_NEW] >= least)
                        continue;
                for (int side = 0; side < COMPARE_SIDES; side++) {
                        comparison->counts[rest][side] += counts[side];
                        counts[side] = 0;
                }
        }
        return r;
}

void difference_deinit(struct difference *difference)
{
        compare_result_free(difference->comparison);
        free(difference->rows);
        free(difference->sentence);
        *difference = (struct difference){ 0 };
}
