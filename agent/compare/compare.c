/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares two sides function by function. Shares are compositional: if one function grows, all others shrink. So
 * growth is tested, not change. Each measure is a family of tests, at half of the level.
 *
 * Two kinds of functions are not tested: those that are too small on both sides to matter, and those that cannot grow
 * by what matters, since their share is too large. Fewer tests are more powerful.
 */
#include "compare.h"
#include "moderation.h"
#include "paired.h"
#include "statistics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *compare_measure_name(enum compare_measure measure)
{
        return measure == COMPARE_SELF ? "self" : "total";
}

static double threshold_of_share(const struct compare_criteria *criteria, double share)
{
        return fmax(criteria->points, criteria->relative * share);
}

/* Whether a function is tested. A new function is tested if its share is so large that it would be a regression. */
static bool is_tested(const struct compare_criteria *criteria, const struct compare_change *change)
{
        double least = change->hits[COMPARE_BASE] == 0 ? threshold_of_share(criteria, 0) : criteria->least_share;

        if (change->share[COMPARE_BASE] < criteria->least_share && change->share[COMPARE_NEW] < least)
                return false;
        return change->share[COMPARE_BASE] + threshold_of_share(criteria, change->share[COMPARE_BASE]) < 1;
}

static void measure_function(const struct paired *paired, profile_id function, enum compare_measure which,
                             struct statistics_proportions *ret)
{
        const uint64_t *hits = paired_hits(paired, function, which);
        size_t base = paired->runs[COMPARE_BASE];
        const struct statistics_tally tallies[COMPARE_SIDES] = {
                { .hits = hits, .samples = paired->samples, .runs = base },
                { .hits = hits + base, .samples = paired->samples + base, .runs = paired->runs[COMPARE_NEW] },
        };

        statistics_proportions(tallies, ret);
}

static void set_change(const struct compare_criteria *criteria, const struct statistics_proportions *of,
                       struct compare_change *ret)
{
        *ret = (struct compare_change){
                .hits = { of->hits[0], of->hits[1] },
                .share = { of->share[0], of->share[1] },
                .change = of->change,
                .low = of->low,
                .high = of->high,
                .phi = of->phi,
        };
        ret->tested = is_tested(criteria, ret);
        if (!ret->tested)
                return;
        ret->p = of->p;
        ret->df = of->df;
        ret->threshold = threshold_of_share(criteria, ret->share[COMPARE_BASE]);
}

/* The statistics of a function, kept while the tests of its family are counted. */
struct estimates {
        struct statistics_proportions by[COMPARE_MEASURES];
};

/* More than this many times the samples are as good as none. */
#define MORE_MAX 1e6

/*
 * By what factor there would have to be more samples to keep the promise, if the growth that was seen stays. It is not
 * corrected for the number of functions: a pass needs each of them to be steady, so the chance of a wrong one is not more
 * than that of the function that has grown.
 */
static double times_more_samples_needed(const struct compare_criteria *criteria, const struct compare_change *change)
{
        double promised = criteria->sensitivity * change->threshold;

        if (change->share[COMPARE_BASE] + promised >= 1 || change->possible <= promised)
                return 1; /* such growth is impossible, or ruled out */
        if (change->change >= promised)
                return MORE_MAX;
        return fmin(MORE_MAX, pow((change->possible - change->change) / (promised - change->change), 2));
}

/*
 * Learns from the functions that are tested how much noise there is between runs, and tests them anew by that. -ENOMEM.
 */
static int moderate_family(struct compare_result *c, struct estimates *estimates, enum compare_measure which)
{
        double *phis = calloc(c->n + 1, sizeof(*phis));
        struct moderation moderation;
        unsigned df = 0;
        size_t n = 0;

        if (!phis)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++) {
                const struct statistics_proportions *of = &estimates[i].by[which];

                df = of->df; /* the same for all */
                if (c->functions[i].by[which].tested && of->observed_phi > 0)
                        phis[n++] = of->observed_phi;
        }
        moderation_learn(phis, n, df, &moderation);
        free(phis);
        for (size_t i = 0; i < c->n; i++) {
                moderation_apply(&moderation, &estimates[i].by[which]);
                set_change(&c->criteria, &estimates[i].by[which], &c->functions[i].by[which]);
        }
        return 0;
}

static int judge_changes(struct compare_result *c, const struct estimates *estimates, enum compare_measure which)
{
        double **p = calloc(c->n + 1, sizeof(*p));
        double alpha = c->criteria.alpha / COMPARE_MEASURES;
        size_t n = 0;

        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                if (c->functions[i].by[which].tested)
                        p[n++] = &c->functions[i].by[which].p;

        int r = statistics_holm(p, n);

        free(p);
        c->tested[which] = n;
        for (size_t i = 0; r == 0 && i < c->n; i++) {
                struct compare_change *change = &c->functions[i].by[which];

                if (!change->tested)
                        continue;

                double promised = c->criteria.sensitivity * change->threshold;
                double half_way = fmin(change->share[COMPARE_BASE] + promised / 2, 1);

                change->regression = change->p < alpha && change->change >= change->threshold;
                change->possible = statistics_possible(&estimates[i].by[which], half_way,
                                                       c->criteria.miss * c->criteria.miss_part);
                change->more = times_more_samples_needed(&c->criteria, change);
        }
        return r;
}

/* ---- functions ------------------------------------------------------------------ */

/* Makes a function's key of its file and name, behind the keys made before. Without a file the name is the key. */
static const char *make_function_key(const struct profile_function *function, char **keys_end)
{
        char *key = *keys_end;

        if (!*function->file)
                return function->name;
        *keys_end += 1 + sprintf(key, "%s:%s", function->file, function->name);
        return key;
}

static char *make_room_for_keys(const struct profile *stacks)
{
        size_t size = 1;

        for (uint32_t id = 1; id <= profile_functions(stacks); id++) {
                const struct profile_function *function = profile_function(stacks, id);

                size += strlen(function->file) + strlen(function->name) + 2;
        }
        return malloc(size);
}

static void add_function(struct compare_result *c, const struct paired *paired, profile_id id, char **keys_end,
                         struct estimates *ret)
{
        const struct profile_function *function = profile_function(c->stacks, id);
        struct compare_function *row = &c->functions[c->n];

        for (int which = 0; which < COMPARE_MEASURES; which++) {
                measure_function(paired, id, (enum compare_measure)which, &ret->by[which]);
                set_change(&c->criteria, &ret->by[which], &row->by[which]);
        }
        row->function = id;
        row->name = function->name;
        row->file = function->file;
        row->key = make_function_key(function, keys_end);
        c->n++;
}

static int add_functions(struct compare_result *c, const struct paired *paired)
{
        size_t n = profile_functions(c->stacks);
        struct estimates *estimates = calloc(n + 1, sizeof(*estimates));
        int r = 0;

        char *keys_end = c->keys = make_room_for_keys(c->stacks);

        c->functions = calloc(n + 1, sizeof(*c->functions));
        if (!c->functions || !c->keys || !estimates)
                r = -ENOMEM;
        for (uint32_t id = 1; r == 0 && id <= n; id++) {
                const uint64_t *hits = paired_hits(paired, id, COMPARE_TOTAL);
                uint64_t any = 0;

                for (size_t i = 0; i < c->runs[COMPARE_BASE] + c->runs[COMPARE_NEW]; i++)
                        any |= hits[i];
                if (any != 0)
                        add_function(c, paired, id, &keys_end, &estimates[c->n]);
        }
        for (int which = 0; r == 0 && which < COMPARE_MEASURES; which++)
                r = moderate_family(c, estimates, (enum compare_measure)which);
        for (int which = 0; r == 0 && which < COMPARE_MEASURES; which++)
                r = judge_changes(c, estimates, (enum compare_measure)which);
        free(estimates);
        return r;
}

static double largest_change_of(const struct compare_function *row)
{
        return fmax(fabs(row->by[COMPARE_SELF].change), fabs(row->by[COMPARE_TOTAL].change));
}

static int by_change(const void *a, const void *b)
{
        const struct compare_function *x = a, *y = b;
        double p = largest_change_of(x), q = largest_change_of(y);

        if (p != q)
                return (p < q) - (p > q);
        p = fabs(x->by[COMPARE_SELF].change);
        q = fabs(y->by[COMPARE_SELF].change);
        return p != q ? (p < q) - (p > q) : strcmp(x->key, y->key);
}

/* ---- the whole comparison ---------------------------------------------------------- */

/* Moves the parts of @paired that the result needs into @c. */
static int take_paired(struct compare_result *c, struct paired *paired)
{
        const uint64_t *samples = paired->samples;
        const double *seconds = paired->seconds;

        c->stacks = paired->stacks;
        c->counts = paired->counts;
        paired->stacks = NULL;
        paired->counts = NULL;
        for (int side = 0; side < COMPARE_SIDES; side++) {
                c->runs[side] = paired->runs[side];
                c->seconds[side] = calloc(c->runs[side] + 1, sizeof(double));
                if (!c->seconds[side])
                        return -ENOMEM;
                for (size_t i = 0; i < c->runs[side]; i++) {
                        c->samples[side] += *samples++;
                        c->seconds[side][i] = *seconds++;
                }
        }
        return 0;
}

static double mean_run_seconds(const struct profile_set *sides)
{
        double sum = 0;

        for (int side = 0; side < COMPARE_SIDES; side++)
                for (size_t i = 0; i < sides[side].n; i++)
                        sum += (double)profile_settings(sides[side].items[i])->duration_ns / 1e9;
        return sum / (double)(sides[COMPARE_BASE].n + sides[COMPARE_NEW].n);
}

int compare_sides(const struct profile_set sides[static COMPARE_SIDES], const struct compare_criteria *criteria,
                  struct compare_result **ret)
{
        struct compare_result *c;
        struct paired paired = { 0 };
        int r;

        if (sides[COMPARE_BASE].n == 0 || sides[COMPARE_NEW].n == 0)
                return -EINVAL;
        c = calloc(1, sizeof(*c));
        r = c ? paired_make(sides, &criteria->scope, &paired) : -ENOMEM;
        if (r == 0) {
                c->criteria = *criteria;
                c->scope = paired.scope;
                c->run_seconds = mean_run_seconds(sides);
                r = take_paired(c, &paired);
        }
        if (r == 0)
                r = add_functions(c, &paired);
        paired_deinit(&paired);
        if (r < 0) {
                compare_result_free(c);
                return r;
        }
        qsort(c->functions, c->n, sizeof(*c->functions), by_change);
        *ret = c;
        return 0;
}

void compare_result_free(struct compare_result *c)
{
        if (!c)
                return;
        profile_free(c->stacks);
        free(c->counts);
        for (int side = 0; side < COMPARE_SIDES; side++)
                free(c->seconds[side]);
        free(c->functions);
        free(c->keys);
        free(c);
}
