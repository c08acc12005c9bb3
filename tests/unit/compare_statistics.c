/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/compare/statistics.h"
#include "compare_statistics_expected.h"
#include "tests/unit/support/suite.h"

#include <math.h>

SUITE(compare_statistics);

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Equal to nine digits, or to 1e-14: what is left of 1 - (1 - p) where p is tiny. */
static void expect_close(double got, double wanted, const char *what, size_t i)
{
        cr_expect(fabs(got - wanted) <= 1e-9 * fabs(wanted) + 1e-14, "%s %zu: got %.12g, not %.12g", what, i, got,
                  wanted);
}

/* SciPy's quantiles of Student's distribution are good to eight digits. */
static void expect_near(double got, double wanted, const char *what, size_t i)
{
        cr_expect(fabs(got - wanted) <= 1e-7 * (1 + fabs(wanted)), "%s %zu: got %.12g, not %.12g", what, i, got,
                  wanted);
}

Test(compare_statistics, probabilities_are_scipys)
{
        for (size_t i = 0; i < LENGTH(expected_above); i++)
                expect_close(statistics_t_above(expected_above[i].t, expected_above[i].df), expected_above[i].above,
                             "above", i);
}

Test(compare_statistics, quantiles_are_scipys)
{
        for (size_t i = 0; i < LENGTH(expected_quantiles); i++)
                expect_near(statistics_t_quantile(expected_quantiles[i].p, expected_quantiles[i].df),
                            expected_quantiles[i].t, "quantile", i);
}

Test(compare_statistics, proportions_are_scipys)
{
        for (size_t i = 0; i < LENGTH(expected_proportions); i++) {
                struct statistics_tally sides[2];
                struct statistics_proportions got;

                for (int side = 0; side < 2; side++)
                        sides[side] = (struct statistics_tally){
                                .hits = expected_proportions[i].sides[side].hits,
                                .samples = expected_proportions[i].sides[side].samples,
                                .runs = expected_proportions[i].sides[side].runs,
                        };
                statistics_proportions(sides, &got);
                expect_close(got.share[0], expected_proportions[i].base, "base", i);
                expect_close(got.share[1], expected_proportions[i].new_one, "new", i);
                expect_near(got.low, expected_proportions[i].low, "low", i);
                expect_near(got.high, expected_proportions[i].high, "high", i);
                expect_close(got.phi, expected_proportions[i].phi, "phi", i);
                expect_close(got.p, expected_proportions[i].p, "p", i);
        }
}

Test(compare_statistics, nothing_counted_proves_nothing)
{
        static const uint64_t none[2], samples[2] = { 100, 100 };
        struct statistics_tally sides[2] = { { none, none, 2 }, { none, samples, 2 } };
        struct statistics_proportions got;

        statistics_proportions(sides, &got);
        cr_expect_eq(got.p, 1);
        cr_expect_eq(got.change, 0);
        cr_expect_eq(got.phi, 1);
}

/* Of one run a side the noise between runs is not known: counting is all there is. */
Test(compare_statistics, one_run_a_side)
{
        static const uint64_t hits[2] = { 100, 200 }, samples = 1000;
        struct statistics_tally sides[2] = { { &hits[0], &samples, 1 }, { &hits[1], &samples, 1 } };
        struct statistics_proportions got;

        statistics_proportions(sides, &got);
        expect_close(got.p, statistics_t_above(0.1 / sqrt(0.15 * 0.85 * 0.002), STATISTICS_NORMAL), "p", 0);
        cr_expect_eq(got.df, 0);
}

/* Growth up to what is possible has just that probability to look as small as this one. */
Test(compare_statistics, possible_growth_is_a_confidence_limit)
{
        static const uint64_t hits[2] = { 1000, 1000 }, samples = 10000;
        struct statistics_tally sides[2] = { { &hits[0], &samples, 1 }, { &hits[1], &samples, 1 } };
        struct statistics_proportions got;
        double error = sqrt(0.1 * 0.9 * 2 / 10000);

        statistics_proportions(sides, &got);
        expect_close(statistics_possible(&got, 0.1, 0.005) / error, 2.5758293035489004, "counting alone", 0);
        got.df = 8;
        got.observed_phi = 4;
        expect_close(statistics_possible(&got, 0.1, 0.025), 2 * error * statistics_t_quantile(0.025, 8), "between runs",
                     0);
        got.change = -1;
        cr_expect_eq(statistics_possible(&got, 0.1, 0.025), 0);
}

Test(compare_statistics, holm_is_by_the_book)
{
        double p[LENGTH(holm_given)], *pointers[LENGTH(holm_given)];

        for (size_t i = 0; i < LENGTH(p); i++) {
                p[i] = holm_given[i];
                pointers[i] = &p[i];
        }
        cr_assert_eq(statistics_holm(pointers, LENGTH(p)), 0);
        for (size_t i = 0; i < LENGTH(p); i++)
                expect_close(p[i], expected_holm[i], "holm", i);
}

Test(compare_statistics, welch_is_scipys)
{
        for (size_t i = 0; i < LENGTH(expected_welch); i++) {
                const double *values[2] = { expected_welch[i].values[0], expected_welch[i].values[1] };
                struct statistics_means got;

                statistics_welch(values, expected_welch[i].n, &got);
                expect_near(got.low, expected_welch[i].low, "low", i);
                expect_near(got.high, expected_welch[i].high, "high", i);
                expect_close(got.p, expected_welch[i].p, "p", i);
        }
}

Test(compare_statistics, welch_of_equal_values)
{
        static const double same[2] = { 2, 2 }, more[2] = { 3, 3 };
        struct statistics_means got;

        statistics_welch((const double *[2]){ same, same }, (size_t[2]){ 2, 2 }, &got);
        cr_expect_eq(got.p, 1);
        statistics_welch((const double *[2]){ same, more }, (size_t[2]){ 2, 2 }, &got);
        cr_expect_eq(got.p, 0);
        cr_expect_eq(got.change, 1);
}
