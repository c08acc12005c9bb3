/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From regressions to causes. A function whose self time grew is a cause. It also explains why its callers take
 * longer in total, so a caller is reported only for growth that no callee explains. Causes whose growth went through
 * the same stack are reported as one.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The most causes that are told apart. People read fewer. */
#define CAUSES_MAX 64

static bool leads_through(const struct compare_cause *cause, profile_id function)
{
        for (size_t i = 0; i < cause->path_n; i++)
                if (cause->path[i] == function)
                        return true;
        return false;
}

/* Makes a cause. If several callers share the growth of a function, the function becomes the end of the path. */
static int make_cause(const struct compare_result *c, const struct compare_function *row, enum compare_measure measure,
                      struct compare_cause *ret)
{
        struct compare_cause cause = { .function = row, .measure = measure, .regressions = 1 };
        int r = compare_growth_path(c, row->function, measure, &cause.path, &cause.path_n);

        if (r == 0 && !leads_through(&cause, row->function)) {
                profile_id *longer = reallocarray(cause.path, cause.path_n + 1, sizeof(*longer));

                if (longer) {
                        longer[cause.path_n++] = row->function;
                        cause.path = longer;
                        cause.scattered = true;
                } else {
                        free(cause.path);
                        r = -ENOMEM;
                }
        }
        if (r == 0)
                *ret = cause;
        return r;
}

/*
 * Whether a regression is counted. A function is counted once: if its self time grew, its total is not counted again.
 */
static bool is_counted(const struct compare_function *row, enum compare_measure measure)
{
        return measure == COMPARE_SELF || !row->by[COMPARE_SELF].regression;
}

static bool is_same_path(const struct compare_cause *a, const struct compare_cause *b)
{
        return a->path_n == b->path_n && memcmp(a->path, b->path, a->path_n * sizeof(*a->path)) == 0;
}

/* Joins a cause to a known one. The cause is named after the innermost regression on the path. */
static void join_causes(struct compare_cause *known, const struct compare_cause *cause)
{
        size_t at = 0, known_at = 0;

        for (size_t i = 0; i < known->path_n; i++) {
                at = known->path[i] == cause->function->function ? i : at;
                known_at = known->path[i] == known->function->function ? i : known_at;
        }
        if (at > known_at) {
                known->function = cause->function;
                known->measure = cause->measure;
        }
        known->regressions += is_counted(cause->function, cause->measure);
}

static int add_cause(const struct compare_result *c, const struct compare_function *row, enum compare_measure measure,
                     struct compare_judgement *judgement)
{
        struct compare_cause cause;
        int r = make_cause(c, row, measure, &cause);

        if (r < 0)
                return r;
        for (size_t i = 0; i < judgement->causes_n; i++) {
                if (!is_same_path(&judgement->causes[i], &cause))
                        continue;
                join_causes(&judgement->causes[i], &cause);
                free(cause.path);
                return 0;
        }
        judgement->causes[judgement->causes_n++] = cause;
        return 0;
}

/* ---- explanations --------------------------------------------------------------- */

/* Lists the functions of causes so far by self time: leaves of stacks. */
static size_t list_leaves(const struct compare_judgement *judgement, profile_id ret[static CAUSES_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < judgement->causes_n; i++)
                if (judgement->causes[i].measure == COMPARE_SELF)
                        ret[n++] = judgement->causes[i].function->function;
        return n;
}

/* Whether a known cause explains nearly all of the growth of @row. The regression is then counted for that cause. */
static int is_explained(const struct compare_result *c, const struct compare_function *row,
                        struct compare_judgement *judgement, bool *ret)
{
        profile_id leaves[CAUSES_MAX], leaf;
        size_t n = list_leaves(judgement, leaves);
        int r = compare_growth_leaf(c, row->function, leaves, n, &leaf);

        *ret = r == 0 && leaf != 0;
        for (size_t i = 0; *ret && i < judgement->causes_n; i++)
                if (judgement->causes[i].measure == COMPARE_SELF && judgement->causes[i].function->function == leaf)
                        judgement->causes[i].regressions += is_counted(row, COMPARE_TOTAL);
        return r;
}

static int add_regression(const struct compare_result *c, const struct compare_function *row,
                          enum compare_measure measure, struct compare_judgement *judgement)
{
        bool explained = false;
        int r = measure == COMPARE_TOTAL ? is_explained(c, row, judgement, &explained) : 0;

        return r < 0 || explained || judgement->causes_n == CAUSES_MAX ? r : add_cause(c, row, measure, judgement);
}

static int by_change(const void *a, const void *b)
{
        const struct compare_cause *x = a, *y = b;
        double p = x->function->by[x->measure].change, q = y->function->by[y->measure].change;

        return (p < q) - (p > q);
}

int compare_find_causes(const struct compare_result *c, struct compare_judgement *judgement)
{
        static const enum compare_measure order[] = { COMPARE_SELF, COMPARE_TOTAL };
        int r = 0;

        judgement->causes = calloc(CAUSES_MAX, sizeof(*judgement->causes));
        if (!judgement->causes)
                return -ENOMEM;
        for (size_t m = 0; m < COMPARE_MEASURES; m++)
                for (size_t i = 0; r == 0 && i < c->n; i++)
                        if (c->functions[i].by[order[m]].regression && !c->functions[i].allowed)
                                r = add_regression(c, &c->functions[i], order[m], judgement);
        qsort(judgement->causes, judgement->causes_n, sizeof(*judgement->causes), by_change);
        return r;
}
