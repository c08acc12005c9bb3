/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expected values are not the program's: digamma and trigamma are mpmath's with 25 digits. s0² and d0 follow from
 * Smyth's equations, solved by bisection with trigamma as the sum of 200 000 terms and an integral for the rest.
 */
#include "agent/compare/moderation.h"
#include "tests/unit/support/suite.h"

#include <math.h>

SUITE(compare_moderation);

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void expect_near(double got, double wanted, double digits)
{
        cr_expect(fabs(got - wanted) <= digits * fmax(1, fabs(wanted)), "got %.15g, not %.15g", got, wanted);
}

static const struct {
        double x, digamma, trigamma;
} expected[] = {
        { 0.5, -1.9635100260214235, 4.934802200544679 },  { 1, -0.5772156649015329, 1.6449340668482264 },
        { 1.5, 0.03648997397857652, 0.9348022005446793 }, { 2, 0.42278433509846713, 0.6449340668482264 },
        { 4, 1.2561176684318005, 0.2838229557371153 },    { 8.5, 2.08009081757942, 0.12483811891892602 },
        { 20, 2.970523992242149, 0.05127082293520312 },   { 37.5, 3.6109483445963386, 0.027025382266785015 },
};

Test(compare_moderation, functions_are_mpmaths)
{
        for (size_t i = 0; i < LENGTH(expected); i++) {
                expect_near(moderation_digamma(expected[i].x), expected[i].digamma, 1e-10);
                expect_near(moderation_trigamma(expected[i].x), expected[i].trigamma, 1e-10);
                expect_near(moderation_trigamma_inverse(expected[i].trigamma), expected[i].x, 1e-7);
        }
}

Test(compare_moderation, functions_that_differ_are_trusted_less)
{
        static const double differ[] = { 0.5, 0.8, 1.0, 1.5, 3.0, 6.0 }, agree[] = { 1.0, 1.1, 0.9, 1.2, 1.05 };
        struct moderation got;

        moderation_learn(differ, LENGTH(differ), 8, &got);
        expect_near(got.df, 4.5500016969037675, 1e-6);
        expect_near(got.phi, 1.3379965321612888, 1e-6);
        moderation_learn(agree, LENGTH(agree), 8, &got);
        expect_near(got.df, 8, 1e-12);
        expect_near(got.phi, 1.0452042041786256, 1e-9);
}

Test(compare_moderation, too_little_teaches_nothing)
{
        static const double phis[] = { 1, 1, 1, 1, 1 };
        struct moderation got;

        moderation_learn(phis, 3, 8, &got);
        cr_expect_eq(got.df, 0);
        moderation_learn(phis, 5, 2, &got);
        cr_expect_eq(got.df, 0);
}

/* 5 runs a side of 1000 samples, in which the base's hits vary: phi is 2 by hand with these; it moves to the others'. */
Test(compare_moderation, a_test_moves_to_what_the_others_tell)
{
        static const uint64_t samples[5] = { 1000, 1000, 1000, 1000, 1000 };
        static const uint64_t base[5] = { 100, 120, 80, 110, 90 }, new_one[5] = { 150, 130, 170, 140, 160 };
        const struct statistics_tally sides[2] = { { base, samples, 5 }, { new_one, samples, 5 } };
        const struct moderation others = { .phi = 0.5, .df = 8 };
        /* Sums of squares are 1000 on each side; variances of counting 90 and 127.5. */
        double own = (1000 / 90.0 + 1000 / 127.5) / 8, moderated = (8 * 0.5 + 8 * own) / 16;
        struct statistics_proportions got;

        statistics_proportions(sides, &got);
        expect_near(got.observed_phi, own, 1e-12);

        double error = sqrt(0.125 * 0.875 * 2 / 5000), p = statistics_t_above(0.05 / (error * sqrt(own)), 8);

        expect_near(log(got.p), log(p), 1e-9);
        moderation_apply(&others, &got);
        expect_near(got.observed_phi, moderated, 1e-12);
        cr_expect_eq(got.df, 16);
        p = fmax(statistics_t_above(0.05 / error, STATISTICS_NORMAL),
                 statistics_t_above(0.05 / (error * sqrt(moderated)), 16));
        expect_near(log(got.p), log(p), 1e-9);
}
