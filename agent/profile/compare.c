/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sides function by function. Shares are compositional: if one function grows,
 * all others shrink. So growth is what is tested, and not change. Each measure is a
 * family of tests of its own, at half of the level.
 *
 * Not tested: what is too small on both sides to matter, and what has so large a
 * share that it cannot grow by what matters. Fewer tests are sharper ones.
 */
#include "internal.h"
#include "joint.h"
#include "statistics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *profile_measure_name(enum profile_measure measure)
{
        return measure == PROFILE_SELF ? "self" : "total";
}

static double threshold(const struct profile_criteria *criteria, double share)
{
        return fmax(criteria->points, criteria->relative * share);
}

/* A function that is new is tested from the share on at which it would be a regression. */
static bool is_tested(const struct profile_criteria *criteria, const struct profile_change *change)
{
        double least = change->hits[PROFILE_BASE] == 0 ? threshold(criteria, 0) : criteria->least_share;

        if (change->share[PROFILE_BASE] < criteria->least_share && change->share[PROFILE_NEW] < least)
                return false;
        return change->share[PROFILE_BASE] + threshold(criteria, change->share[PROFILE_BASE]) < 1;
}

static void measure(const struct joint *joint, profile_id function, enum profile_measure which,
                    struct statistics_proportions *ret)
{
        const uint64_t *hits = joint_hits(joint, function, which);
        size_t base = joint->runs[PROFILE_BASE];
        const struct statistics_tally tallies[PROFILE_SIDES] = {
                {.hits = hits, .samples = joint->samples, .runs = base},
                {.hits = hits + base, .samples = joint->samples + base, .runs = joint->runs[PROFILE_NEW]},
        };

        profile_proportions(tallies, ret);
}

static void set_change(const struct profile_criteria *criteria, const struct statistics_proportions *of,
                       struct profile_change *ret)
{
        *ret = (struct profile_change){
                .hits = {of->hits[0], of->hits[1]},
                .share = {of->share[0], of->share[1]},
                .change = of->change,
                .low = of->low,
                .high = of->high,
                .phi = of->phi,
        };
        ret->tested = is_tested(criteria, ret);
        if (!ret->tested)
                return;
        ret->p = of->p;
        ret->threshold = threshold(criteria, ret->share[PROFILE_BASE]);
}

/* The statistics of a function while its family of tests is being counted. */
struct estimates {
        struct statistics_proportions by[PROFILE_MEASURES];
};

/* How many times as many samples would be needed to keep the promise. */
static double samples_wanted(const struct profile_criteria *criteria, const struct profile_change *change)
{
        double promised = criteria->sensitivity * change->threshold;

        if (change->share[PROFILE_BASE] + promised >= 1)
                return 1; /* there is no such growth */
        return fmax(1, pow(change->detectable / promised, 2));
}

static int correct(struct profile_comparison *c, const struct estimates *estimates, enum profile_measure which)
{
        double **p = calloc(c->n + 1, sizeof(*p));
        double alpha = c->criteria.alpha / PROFILE_MEASURES;
        size_t n = 0;

        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                if (c->functions[i].by[which].tested)
                        p[n++] = &c->functions[i].by[which].p;

        int r = profile_holm(p, n);

        free(p);
        c->tested[which] = n;
        for (size_t i = 0; r == 0 && i < c->n; i++) {
                struct profile_change *change = &c->functions[i].by[which];

                if (!change->tested)
                        continue;

                double half_way = change->share[PROFILE_BASE] + change->threshold / 2;

                change->regression = change->p < alpha && change->change >= change->threshold;
                change->detectable = profile_detectable(&estimates[i].by[which], half_way, alpha / (double)n,
                                                        c->criteria.power);
                change->more = samples_wanted(&c->criteria, change);
        }
        return r;
}

/* ---- rows ----------------------------------------------------------------------- */

static const char *make_key(struct profile *stacks, const struct profile_function *function)
{
        const char *kept = function->name;
        char *key;

        if (!*function->file)
                return kept;
        if (asprintf(&key, "%s:%s", function->file, function->name) < 0)
                return NULL;
        kept = profile_strings_intern(&stacks->strings, key, stacks->seed);
        free(key);
        return kept;
}

static int add_function(struct profile_comparison *c, const struct joint *joint, profile_id id, struct estimates *ret)
{
        const struct profile_function *function = profile_function(c->stacks, id);
        struct profile_compared *row = &c->functions[c->n];

        for (int which = 0; which < PROFILE_MEASURES; which++) {
                measure(joint, id, (enum profile_measure)which, &ret->by[which]);
                set_change(&c->criteria, &ret->by[which], &row->by[which]);
        }
        row->function = id;
        row->name = function->name;
        row->file = function->file;
        row->key = make_key(c->stacks, function);
        return row->key ? 0 : -ENOMEM;
}

static int add_functions(struct profile_comparison *c, const struct joint *joint)
{
        size_t n = profile_functions(c->stacks);
        struct estimates *estimates = calloc(n + 1, sizeof(*estimates));
        int r = 0;

        c->functions = calloc(n + 1, sizeof(*c->functions));
        if (!c->functions || !estimates)
                r = -ENOMEM;
        for (uint32_t id = 1; r == 0 && id <= n; id++) {
                const uint64_t *hits = joint_hits(joint, id, PROFILE_TOTAL);
                uint64_t any = 0;

                for (size_t i = 0; i < c->runs[PROFILE_BASE] + c->runs[PROFILE_NEW]; i++)
                        any |= hits[i];
                if (any == 0)
                        continue;
                r = add_function(c, joint, id, &estimates[c->n]);
                c->n++;
        }
        for (int which = 0; r == 0 && which < PROFILE_MEASURES; which++)
                r = correct(c, estimates, (enum profile_measure)which);
        free(estimates);
        return r;
}

static double largest(const struct profile_compared *row)
{
        return fmax(fabs(row->by[PROFILE_SELF].change), fabs(row->by[PROFILE_TOTAL].change));
}

static int by_change(const void *a, const void *b)
{
        const struct profile_compared *x = a, *y = b;
        double p = largest(x), q = largest(y);

        if (p != q)
                return (p < q) - (p > q);
        p = fabs(x->by[PROFILE_SELF].change);
        q = fabs(y->by[PROFILE_SELF].change);
        return p != q ? (p < q) - (p > q) : strcmp(x->key, y->key);
}

/* ---- from beginning to end --------------------------------------------------------- */

/* What of the joint outlives it goes over into @c. */
static int take_joint(struct profile_comparison *c, struct joint *joint)
{
        const uint64_t *samples = joint->samples;
        const double *seconds = joint->seconds;

        c->stacks = joint->stacks;
        c->counts = joint->counts;
        joint->stacks = NULL;
        joint->counts = NULL;
        for (int side = 0; side < PROFILE_SIDES; side++) {
                c->runs[side] = joint->runs[side];
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

int profile_compare(const struct profile_set sides[static PROFILE_SIDES], const struct profile_criteria *criteria,
                    struct profile_comparison **ret)
{
        struct profile_comparison *c;
        struct joint joint = {0};
        int r;

        if (sides[PROFILE_BASE].n == 0 || sides[PROFILE_NEW].n == 0)
                return -EINVAL;
        c = calloc(1, sizeof(*c));
        r = c ? profile_joint_make(sides, &joint) : -ENOMEM;
        if (r == 0) {
                c->criteria = *criteria;
                r = take_joint(c, &joint);
        }
        if (r == 0)
                r = add_functions(c, &joint);
        profile_joint_deinit(&joint);
        if (r < 0) {
                profile_comparison_free(c);
                return r;
        }
        qsort(c->functions, c->n, sizeof(*c->functions), by_change);
        *ret = c;
        return 0;
}

void profile_comparison_free(struct profile_comparison *c)
{
        if (!c)
                return;
        profile_free(c->stacks);
        free(c->counts);
        for (int side = 0; side < PROFILE_SIDES; side++)
                free(c->seconds[side]);
        free(c->functions);
        free(c);
}
