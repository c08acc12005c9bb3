/* SPDX-License-Identifier: Apache-2.0 */
/* The budget against machines whose cost per sample and whose fixed cost are known. */
#include "agent/health/health.h"
#include "tests/unit/support/suite.h"

SUITE(health_budget);

#define WINDOW_S 10.0
#define MB 1000000u

/* Runs @windows of a machine that takes @fixed + @rate * @each of a CPU; returns the last one's share. */
static double run(struct health_budget *budget, double fixed, double each, unsigned windows, struct health_advice *ret)
{
        double cpu = 0;

        for (unsigned i = 0; i < windows; i++) {
                cpu = fixed + budget->rate * each;
                *ret = health_budget_look(budget, WINDOW_S, cpu * WINDOW_S, 20 * MB);
        }
        return cpu;
}

Test(health_budget, falls_below_the_bound_within_four_windows)
{
        static const struct {
                double max, fixed, each;
        } rows[] = {
                { 0.01, 0, 20e-6 },     /* 20 kHz would take 40 % */
                { 0.01, 0.005, 20e-6 }, /* half of the budget is fixed */
                { 0.05, 0.02, 100e-6 },
                { 0.50, 0.001, 60e-6 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct health_budget budget = { .max_cpu = rows[i].max, .max_rate = 20000, .rate = 20000 };
                struct health_advice advice;
                double cpu = run(&budget, rows[i].fixed, rows[i].each, 5, &advice);

                for (unsigned j = 0; j < 20; j++) {
                        cr_expect_leq(cpu, rows[i].max, "row %zu, window %u: %g", i, j + 5, cpu);
                        cpu = run(&budget, rows[i].fixed, rows[i].each, 1, &advice);
                }
                cr_expect_gt(cpu, 0.6 * rows[i].max, "row %zu: no lower than it must be: %g", i, cpu);
                cr_expect_not(advice.hopeless);
        }
}

Test(health_budget, rises_again_to_what_was_asked_and_no_further)
{
        struct health_budget budget = { .max_cpu = 0.01, .max_rate = 99, .rate = 99 };
        struct health_advice advice;

        run(&budget, 0.001, 1e-3, 6, &advice);
        cr_assert_leq(budget.rate, 9);
        run(&budget, 0.001, 1e-6, 20, &advice);
        cr_expect_eq(budget.rate, 99);
        cr_expect_eq(advice.rate, 99);
}

Test(health_budget, without_bounds_nothing_happens)
{
        struct health_budget budget = { .max_rate = 20000, .rate = 20000 };
        struct health_advice advice = health_budget_look(&budget, WINDOW_S, 100, UINT64_MAX);

        cr_expect_eq(advice.rate, 20000);
        cr_expect_not(advice.trim);
        cr_expect_not(advice.hopeless);
}

Test(health_budget, what_cannot_be_kept_is_said)
{
        struct health_budget budget = { .max_cpu = 0.01, .max_rate = 99, .rate = 99 };
        struct health_advice advice;

        run(&budget, 0.02, 1e-6, 20, &advice);
        cr_expect_eq(budget.rate, 1);
        cr_expect(advice.hopeless);
}

Test(health_budget, memory_empties_caches_first)
{
        struct health_budget budget = { .max_memory = 64 * MB, .max_rate = 1000, .rate = 1000 };
        struct health_advice advice = health_budget_look(&budget, WINDOW_S, 0, 70 * MB);

        cr_expect(advice.trim);
        cr_expect_eq(advice.rate, 1000);
        advice = health_budget_look(&budget, WINDOW_S, 0, 70 * MB);
        cr_expect(advice.trim);
        cr_expect_eq(advice.rate, 500);
        advice = health_budget_look(&budget, WINDOW_S, 0, 60 * MB);
        cr_expect_not(advice.trim);
        cr_expect_eq(advice.rate, 500, "near the bound it stays");
        advice = health_budget_look(&budget, WINDOW_S, 0, 30 * MB);
        cr_expect_eq(advice.rate, 1000);
}

Test(health_budget, begins_with_what_is_sure_to_fit)
{
        static const struct {
                double max_cpu;
                unsigned max_rate, cpus, expected;
        } rows[] = {
                { 0, 20000, 2, 20000 },  { 0.01, 99, 2, 99 },  { 0.01, 20000, 2, 100 },
                { 0.01, 20000, 0, 200 }, { 0.001, 99, 64, 1 }, { 4, 20000, 2, 20000 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct health_budget budget = { .max_cpu = rows[i].max_cpu, .max_rate = rows[i].max_rate };
                cr_expect_eq(health_budget_begin(&budget, rows[i].cpus), rows[i].expected, "row %zu", i);
                cr_expect_eq(budget.rate, rows[i].expected);
        }
}

Test(health_budget, a_window_without_length_says_nothing)
{
        struct health_budget budget = { .max_cpu = 0.01, .max_rate = 99, .rate = 50 };

        cr_expect_eq(health_budget_look(&budget, 0, 1, 0).rate, 50);
        cr_expect_eq(health_budget_look(&budget, -1, 1, 0).rate, 50);
}
