/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/compare/compare.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(compare_sides);

#define FRAMES_MAX 16

/* Adds @n samples of "root;…;leaf", all in @file; each call has lines of its own. */
static void count(struct profile *p, const char *file, const char *stack, enum profile_state state, uint64_t n)
{
        static uint32_t line;
        profile_id frames[FRAMES_MAX];
        char copy[256], *rest = copy;
        size_t depth = 0;

        snprintf(copy, sizeof copy, "%s", stack);
        for (const char *name; (name = strsep(&rest, ";"));) {
                line++;
                memmove(frames + 1, frames, depth * sizeof *frames);
                frames[0] = interned_frame(p, interned_function(p, name, file, line), line);
                depth++;
        }
        cr_assert_eq(profile_add(p, interned_stack(p, frames, depth), 0, state, n, 0), 0);
}

struct part {
        const char *stack;
        uint64_t n;
};

/* A run of @file's program; period 1 ms. */
static void add_run(struct profile_set *set, const char *file, const struct part *parts, size_t n)
{
        struct profile *p = profile_new();

        profile_set_settings(p, &(struct profile_settings){ .mode = PROFILE_MODE_CPU, .period_ns = 1000000 });
        for (size_t i = 0; i < n; i++)
                count(p, file, parts[i].stack, PROFILE_RUNNING, parts[i].n);
        cr_assert_eq(profile_set_add(set, p), 0);
}

/* Five runs a side of: main at 10 %, a at 40 %, b at 50 %, of which c @c of it. */
static void fill(struct profile_set *set, const char *file, uint64_t c)
{
        for (int run = 0; run < 5; run++) {
                const struct part parts[] = {
                        { "main", 1000 },
                        { "main;a", 4000 + (uint64_t)run },
                        { "main;b", 4000 },
                        { "main;b;c", c },
                };

                add_run(set, file, parts, 4);
        }
}

/* All functions count, wherever their files are. */
static struct compare_result *compare(struct profile_set *sides)
{
        static const char *const any[] = { "*" };
        struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct compare_result *c;

        criteria.scope = (struct compare_scope){ .only = any, .only_n = 1, .from = "" };

        cr_assert_eq(compare_sides(sides, &criteria, &c), 0);
        profile_set_deinit(&sides[COMPARE_BASE]);
        profile_set_deinit(&sides[COMPARE_NEW]);
        return c;
}

static const struct compare_function *find(const struct compare_result *c, const char *key)
{
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->functions[i].key, key) == 0)
                        return &c->functions[i];
        cr_assert_fail("no %s", key);
        abort();
}

Test(compare_sides, shares_by_function_whatever_its_lines)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };

        fill(&sides[COMPARE_BASE], "app.py", 1000);
        fill(&sides[COMPARE_NEW], "app.py", 1000);

        struct compare_result *c = compare(sides);
        const struct compare_function *b = find(c, "app.py:b");

        cr_expect_eq(c->n, 4);
        cr_expect_eq(c->samples[COMPARE_BASE], 50010);
        cr_expect_eq(c->runs[COMPARE_NEW], 5);
        cr_expect_eq(b->by[COMPARE_SELF].hits[COMPARE_BASE], 20000);
        cr_expect_eq(b->by[COMPARE_TOTAL].hits[COMPARE_NEW], 25000);
        cr_expect_float_eq(b->by[COMPARE_TOTAL].share[COMPARE_BASE], 25000 / 50010.0, 1e-12);
        cr_expect_float_eq(c->seconds[COMPARE_BASE][0], 10.0, 1e-9);
        cr_expect(b->by[COMPARE_TOTAL].tested);
        cr_expect_not(find(c, "app.py:main")->by[COMPARE_TOTAL].tested, "what is always there cannot grow");
        compare_result_free(c);
}

Test(compare_sides, growth_is_found_and_led_to_its_cause)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_judgement judgement;

        fill(&sides[COMPARE_BASE], "app.py", 1000);
        fill(&sides[COMPARE_NEW], "app.py", 2500);

        struct compare_result *c = compare(sides);

        cr_assert_eq(compare_judge(c, &judgement), 0);
        cr_expect_eq(judgement.verdict, COMPARE_REGRESSION);
        cr_assert_eq(judgement.causes_n, 1);
        cr_expect_str_eq(judgement.causes[0].function->name, "c");
        cr_expect_eq(judgement.causes[0].path_n, 3);
        cr_expect_str_eq(profile_function(c->stacks, judgement.causes[0].path[1])->name, "b");
        cr_expect_str_eq(profile_function(c->stacks, judgement.causes[0].path[2])->name, "c");
        cr_expect_not(judgement.causes[0].scattered);
        compare_judgement_deinit(&judgement);

        for (size_t i = 0; i < c->n; i++)
                c->functions[i].allowed = true;
        cr_assert_eq(compare_judge(c, &judgement), 0);
        cr_expect_eq(judgement.verdict, COMPARE_PASS);
        cr_expect_eq(judgement.regressions, 0);
        compare_judgement_deinit(&judgement);
        compare_result_free(c);
}

/* Called from everywhere: no one stack has its growth. */
Test(compare_sides, growth_that_many_callers_share)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_judgement judgement;

        for (int side = 0; side < COMPARE_SIDES; side++)
                for (int run = 0; run < 3; run++) {
                        uint64_t n = side == COMPARE_BASE ? 500 : 1000;
                        const struct part parts[] = { { "main;a", 4000 },
                                                      { "main;b", 3000 },
                                                      { "main;a;log", n },
                                                      { "main;b;log", n },
                                                      { "main;d;log", n } };

                        add_run(&sides[side], "app.py", parts, 5);
                }

        struct compare_result *c = compare(sides);

        cr_assert_eq(compare_judge(c, &judgement), 0);
        cr_expect_eq(judgement.verdict, COMPARE_REGRESSION);
        cr_assert_eq(judgement.causes_n, 1, "the callers only have it in them: %zu", judgement.causes_n);
        cr_expect_str_eq(judgement.causes[0].function->name, "log");
        cr_expect_eq(judgement.causes[0].measure, COMPARE_SELF);
        cr_expect(judgement.causes[0].scattered);
        cr_expect_eq(judgement.causes[0].path_n, 2);
        cr_expect_eq(judgement.causes[0].regressions, 2, "log, and d, which calls nothing else");
        cr_expect_eq(judgement.regressions, 2);
        compare_judgement_deinit(&judgement);
        compare_result_free(c);
}

Test(compare_sides, idle_samples_and_recursion)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };

        for (int side = 0; side < COMPARE_SIDES; side++) {
                const struct part parts[] = { { "main;r;r;r", 60 }, { "main", 40 } };

                add_run(&sides[side], "app.py", parts, 2);
                count(sides[side].items[0], "app.py", "main;wait", PROFILE_IDLE, 1000);
                count(sides[side].items[0], "", "(idle)", PROFILE_RUNNING, 1000);
                count(sides[side].items[0], "", "[waits: GIL]", PROFILE_RUNNING, 1000);
        }

        struct compare_result *c = compare(sides);

        cr_expect_eq(c->samples[COMPARE_BASE], 100);
        cr_expect_eq(find(c, "app.py:r")->by[COMPARE_TOTAL].hits[COMPARE_BASE], 60);
        cr_expect_eq(c->n, 2);
        compare_result_free(c);
}

Test(compare_sides, few_samples_are_not_enough)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_judgement judgement;

        for (int side = 0; side < COMPARE_SIDES; side++)
                for (int run = 0; run < 5; run++) {
                        const struct part parts[] = { { "main;a", 4 }, { "main;b", 3 + (uint64_t)run % 2 } };

                        add_run(&sides[side], "app.py", parts, 2);
                }

        struct compare_result *c = compare(sides);

        cr_assert_eq(compare_judge(c, &judgement), 0);
        cr_expect_eq(judgement.verdict, COMPARE_INCONCLUSIVE);
        cr_assert_neq(judgement.weakest, NULL);

        const struct compare_change *weakest = &judgement.weakest->by[judgement.weakest_measure];

        cr_expect_float_eq(judgement.more,
                           pow((weakest->possible - weakest->change) / (2 * weakest->threshold - weakest->change), 2),
                           1e-9);
        cr_expect_gt(judgement.more, 2);
        cr_expect_gt(judgement.runs, 5);
        compare_judgement_deinit(&judgement);
        compare_result_free(c);
}

Test(compare_sides, a_side_without_runs)
{
        const struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_result *c;

        cr_expect_eq(compare_sides(sides, &criteria, &c), -EINVAL);
}

/* Nothing in it: no crash, and nothing that could pass. */
Test(compare_sides, sides_without_samples)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_judgement judgement;

        for (int side = 0; side < COMPARE_SIDES; side++)
                add_run(&sides[side], "app.py", NULL, 0);

        struct compare_result *c = compare(sides);

        cr_expect_eq(c->n, 0);
        cr_assert_eq(compare_judge(c, &judgement), 0);
        cr_expect_eq(judgement.verdict, COMPARE_INCONCLUSIVE);
        compare_judgement_deinit(&judgement);
        compare_result_free(c);
}

/* ---- files -------------------------------------------------------------------- */

/* The keys of function "f" of @base and of @new_one are the same, and are @key. */
static void expect_same(const char *base, const char *new_one, const char *key)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        const struct part f = { "f", 100 };

        add_run(&sides[COMPARE_BASE], base, &f, 1);
        add_run(&sides[COMPARE_NEW], new_one, &f, 1);
        /* A library that both have has no say in where the program is. */
        for (int side = 0; side < COMPARE_SIDES; side++) {
                count(sides[side].items[0], "/usr/lib/python3.11/json/encoder.py", "g", PROFILE_RUNNING, 10);
                count(sides[side].items[0], "/usr/lib/python3.11/json/decoder.py", "g", PROFILE_RUNNING, 10);
        }

        struct compare_result *c = compare(sides);
        const struct compare_function *row = find(c, key);

        cr_expect_eq(row->by[COMPARE_SELF].hits[COMPARE_BASE], 100, "%s", base);
        cr_expect_eq(row->by[COMPARE_SELF].hits[COMPARE_NEW], 100, "%s", new_one);
        find(c, "json/encoder.py:g");
        compare_result_free(c);
}

Test(compare_sides, files_are_those_of_their_module)
{
        expect_same("/app/main.py", "/app/main.py", "main.py:f");
        expect_same("/w/base/app/main.py", "/w/new/app/main.py", "app/main.py:f");
        expect_same("app/main.py", "/tmp/x/app/main.py", "app/main.py:f");
        expect_same("/usr/lib/python3/dist-packages/doc/core.py", "/tmp/x/doc/core.py", "doc/core.py:f");
        expect_same("/v/lib/python3.11/site-packages/p/q.py", "/u/lib/python3.12/site-packages/p/q.py", "p/q.py:f");
        expect_same("<string>", "<string>", "<string>:f");
        expect_same("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>",
                    "<frozen importlib._bootstrap>:f");
        expect_same("", "", "f");
        expect_same("main.py", "main.py", "main.py:f");
}

/* ---- cost and circumstances ------------------------------------------------------- */

Test(compare_sides, cost_of_a_unit_of_work)
{
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_cost cost;

        for (int run = 0; run < 3; run++) {
                add_run(&sides[COMPARE_BASE], "app.py", &(struct part){ "f", 1000 + (uint64_t)run }, 1);
                add_run(&sides[COMPARE_NEW], "app.py", &(struct part){ "f", 1500 + (uint64_t)run }, 1);
        }

        struct compare_result *c = compare(sides);

        cr_assert(compare_cost_of(c, 100, &cost));
        cr_expect_float_eq(cost.mean[COMPARE_BASE], 1001 * 1e-3 / 100, 1e-12);
        cr_expect_float_eq(cost.change, 500.0 / 1001, 1e-12);
        cr_expect_lt(cost.p, 1e-6);
        cr_expect_lt(cost.low, cost.change);
        compare_result_free(c);
}

static const struct compare_circumstance *by_name(const struct compare_circumstance *all, const char *name)
{
        for (size_t i = 0; i < COMPARE_CIRCUMSTANCES; i++)
                if (strcmp(all[i].name, name) == 0)
                        return &all[i];
        cr_assert_fail("no %s", name);
        abort();
}

Test(compare_sides, circumstances_differ_vary_or_are_not_known)
{
        static const char version[] = "process.runtime.version";
        struct compare_circumstance all[COMPARE_CIRCUMSTANCES];
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };

        for (int side = 0; side < COMPARE_SIDES; side++)
                for (int run = 0; run < 2; run++)
                        add_run(&sides[side], "app.py", NULL, 0);
        profile_set_attribute(sides[COMPARE_BASE].items[0], version, "3.11.2");
        profile_set_attribute(sides[COMPARE_BASE].items[1], version, "3.11.9");
        profile_set_attribute(sides[COMPARE_NEW].items[0], version, "3.12.0rc1");
        profile_set_attribute(sides[COMPARE_NEW].items[1], version, "3.13.0");
        profile_set_attribute(sides[COMPARE_NEW].items[0], "host.arch", "arm64");
        profile_set_attribute(sides[COMPARE_NEW].items[0], "podflame.rate", "1000");
        compare_circumstances(sides, all);

        const struct compare_circumstance *interpreter = by_name(all, "interpreter");

        cr_expect_str_eq(interpreter->values[COMPARE_BASE], "3.11");
        cr_expect_str_eq(interpreter->values[COMPARE_NEW], "3.12");
        cr_expect(interpreter->differs && interpreter->must_agree);
        cr_expect_not(interpreter->varies[COMPARE_BASE]);
        cr_expect(interpreter->varies[COMPARE_NEW]);
        cr_expect_str_eq(by_name(all, "rate")->values[COMPARE_BASE], "1000 Hz");
        cr_expect_not(by_name(all, "rate")->differs, "the period says the same as the rate");
        cr_expect_str_eq(by_name(all, "mode")->values[COMPARE_NEW], "cpu");
        cr_expect_str_empty(by_name(all, "architecture")->values[COMPARE_BASE]);
        cr_expect_not(by_name(all, "architecture")->differs);
        profile_set_deinit(&sides[COMPARE_BASE]);
        profile_set_deinit(&sides[COMPARE_NEW]);
}
