/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/compare/compare.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(compare_scope);

#define FRAMES_MAX 16

/* The frames that the stacks below begin with. */
#define PYTEST "/v/lib/python3.11/site-packages/_pytest/"
#define MAIN PYTEST "main.py:wrap_session"
#define TEST MAIN ";" PYTEST "runner.py:runtestprotocol;" PYTEST "python.py:pytest_pyfunc_call"
#define LIB "/usr/lib/python3.11/"
#define IMPORT "<frozen importlib._bootstrap>:_find_and_load"

struct part {
        const char *stack; /* "file:name;...", root first; without a colon, or in brackets, a frame has no file */
        uint64_t n;
};

static void add_part(struct profile *p, const struct part *part)
{
        profile_id frames[FRAMES_MAX];
        char copy[1024], *rest = copy;
        size_t depth = 0;

        snprintf(copy, sizeof copy, "%s", part->stack);
        for (char *frame; (frame = strsep(&rest, ";")); depth++) {
                char *colon = *frame == '[' ? NULL : strrchr(frame, ':');

                memmove(frames + 1, frames, depth * sizeof *frames);
                if (colon)
                        *colon = '\0';
                frames[0] = interned_frame(p, interned_function(p, colon ? colon + 1 : frame, colon ? frame : "", 1),
                                           1);
        }
        cr_assert_eq(profile_add(p, interned_stack(p, frames, depth), 0, PROFILE_RUNNING, part->n, 0), 0);
}

/* Compares two runs a side that have these stacks; @new: the other side's, NULL: the same. */
static struct compare_result *compare(const struct compare_scope *scope, const struct part *base,
                                      const struct part *new)
{
        struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_result *c;

        criteria.scope = *scope;
        for (int run = 0; run < 2 * COMPARE_SIDES; run++) {
                struct profile *p = profile_new();

                for (const struct part *part = run % 2 && new ? new : base; part->stack; part++)
                        add_part(p, part);
                cr_assert_eq(profile_set_add(&sides[run % 2], p), 0);
        }
        cr_assert_eq(compare_sides(sides, &criteria, &c), 0);
        for (int side = 0; side < COMPARE_SIDES; side++)
                profile_set_deinit(&sides[side]);
        return c;
}

static uint64_t hits(const struct compare_result *c, const char *key, enum compare_measure measure)
{
        for (size_t i = 0; i < c->n; i++)
                if (strcmp(c->functions[i].key, key) == 0)
                        return c->functions[i].by[measure].hits[COMPARE_BASE];
        return 0;
}

static const struct part suite[] = {
        { MAIN ";" IMPORT ";/w/shop/cart.py:<module>", 100 },
        { TEST ";/w/tests/test_cart.py:test_total;/w/shop/cart.py:total", 10 },
        { TEST ";/w/tests/test_cart.py:test_total;/w/shop/cart.py:total;" LIB "json/encoder.py:encode", 20 },
        { TEST ";/w/tests/test_cart.py:test_total;/w/shop/cart.py:total;<GC>", 5 },
        { TEST ";/w/tests/test_cart.py:test_total;" IMPORT ";/w/shop/late.py:<module>", 7 },
        { TEST, 3 },
        { LIB "threading.py:Thread._bootstrap;/w/shop/cart.py:worker", 2 },
        { 0 },
};

Test(compare_scope, of_a_suite_only_tests_and_own_functions_count)
{
        struct compare_result *c = compare(&(struct compare_scope){ 0 }, suite, NULL);

        cr_expect_eq(c->scope.start, COMPARE_START_TESTS);
        cr_expect_eq(c->scope.all[COMPARE_BASE], 2 * 147);
        cr_expect_eq(c->samples[COMPARE_BASE], 2 * 32);
        cr_expect_eq(c->scope.left_out[COMPARE_LEFT_OUTSIDE][COMPARE_BASE], 2 * 100);
        cr_expect_eq(c->scope.left_out[COMPARE_LEFT_IMPORTS][COMPARE_NEW], 2 * 7);
        cr_expect_eq(c->scope.left_out[COMPARE_LEFT_FOREIGN][COMPARE_NEW], 2 * 3);
        cr_expect_eq(hits(c, "shop/cart.py:total", COMPARE_SELF), 2 * 30, "what it calls is its own");
        cr_expect_eq(hits(c, "shop/cart.py:worker", COMPARE_SELF), 2 * 2, "tests start threads");
        cr_expect_eq(hits(c, "tests/test_cart.py:test_total", COMPARE_TOTAL), 2 * 30);
        cr_expect_eq(c->scope.left_out[COMPARE_LEFT_COLLECTION][COMPARE_NEW], 2 * 5);
        cr_expect_eq(c->n, 3);
        compare_result_free(c);
}

Test(compare_scope, what_is_asked_for)
{
        static const char *const cart[] = { "shop/*" }, *const total[] = { "cart.py:total" }, *const all[] = { "*" };
        struct compare_result *c = compare(&(struct compare_scope){ .only = cart, .only_n = 1, .from = "" }, suite,
                                           NULL);

        cr_expect_eq(c->samples[COMPARE_BASE], 2 * (100 + 10 + 20 + 7 + 2));
        cr_expect_eq(hits(c, "tests/test_cart.py:test_total", COMPARE_TOTAL), 0);
        compare_result_free(c);
        c = compare(&(struct compare_scope){ .ignore = total, .ignore_n = 1 }, suite, NULL);
        cr_expect_eq(hits(c, "tests/test_cart.py:test_total", COMPARE_SELF), 2 * 30);
        compare_result_free(c);
        c = compare(&(struct compare_scope){ .from = "total" }, suite, NULL);
        cr_expect_eq(c->scope.start, COMPARE_START_ASKED);
        cr_expect_eq(c->samples[COMPARE_BASE], 2 * 30);
        cr_expect_eq(hits(c, "tests/test_cart.py:test_total", COMPARE_TOTAL), 0);
        compare_result_free(c);
        c = compare(&(struct compare_scope){ .only = all, .only_n = 1, .from = "" }, suite, NULL);
        cr_expect_eq(c->samples[COMPARE_BASE], c->scope.all[COMPARE_BASE]);
        cr_expect_eq(hits(c, "json/encoder.py:encode", COMPARE_SELF), 2 * 20);
        compare_result_free(c);
}

Test(compare_scope, all_functions_and_samples_if_only_looked_at)
{
        struct compare_result *c = compare(&(struct compare_scope){ .whole = true }, suite, NULL);

        cr_expect_eq(c->samples[COMPARE_BASE], c->scope.all[COMPARE_BASE]);
        cr_expect_eq(hits(c, "json/encoder.py:encode", COMPARE_SELF), 2 * 20);
        cr_expect_eq(hits(c, "<GC>", COMPARE_SELF), 2 * 5);
        cr_expect_eq(c->scope.start, COMPARE_START_NONE);
        compare_result_free(c);
}

Test(compare_scope, what_matches_nothing_is_named)
{
        static const char *const wrong[] = { "shop/*", "shops/*" };
        struct compare_result *c = compare(&(struct compare_scope){ .only = wrong, .only_n = 2 }, suite, NULL);

        cr_expect_str_eq(c->scope.unmatched, "shops/*");
        cr_expect_eq(c->samples[COMPARE_BASE], 0);
        compare_result_free(c);
        c = compare(&(struct compare_scope){ .ignore = wrong + 1, .ignore_n = 1 }, suite, NULL);
        cr_expect_str_eq(c->scope.unmatched, "shops/*");
        compare_result_free(c);
        c = compare(&(struct compare_scope){ .from = "nobody" }, suite, NULL);
        cr_expect(compare_scope_lacks(&c->scope, COMPARE_NEW));
        compare_result_free(c);
}

static const struct part program[] = {
        { LIB "runpy.py:_run_module_as_main;" LIB "json/tool.py:main", 30 },
        { "(native)", 10 },
        { 0 },
};

Test(compare_scope, without_own_functions_all_count)
{
        struct compare_result *c = compare(&(struct compare_scope){ 0 }, program, NULL);

        cr_expect(c->scope.everything);
        cr_expect_eq(c->samples[COMPARE_BASE], 2 * 40);
        compare_result_free(c);
        c = compare(&(struct compare_scope){ 0 }, program, suite);
        cr_expect(compare_scope_lacks(&c->scope, COMPARE_BASE), "it runs no tests");
        cr_expect_not(compare_scope_lacks(&c->scope, COMPARE_NEW));
        compare_result_free(c);
}

/* One side was recorded with opcodes, the other without: what they say of a function is the function's own. */
Test(compare_scope, opcodes_are_their_functions_own)
{
        static const struct part told[] = { { "/w/shop/cart.py:total;[opcode: LOAD_ATTR]", 6 },
                                            { "/w/shop/cart.py:total;[opcode: unknown]", 4 },
                                            { 0 } },
                                 silent[] = { { "/w/shop/cart.py:total", 10 }, { 0 } };

        for (int whole = 0; whole < 2; whole++) {
                struct compare_result *c = compare(&(struct compare_scope){ .whole = whole }, told, silent);

                cr_expect_eq(c->samples[COMPARE_BASE], 2 * 10);
                cr_expect_eq(c->samples[COMPARE_NEW], 2 * 10);
                cr_expect_eq(c->n, 1);
                for (size_t i = 0; i < c->n; i++) {
                        const struct compare_function *f = &c->functions[i];

                        cr_expect_str_eq(f->name, "total");
                        for (int side = 0; side < COMPARE_SIDES; side++)
                                cr_expect_eq(f->by[COMPARE_SELF].hits[side], 2 * 10, "%s", f->key);
                }
                compare_result_free(c);
        }
}

/* Compares @n runs a side of two tests. Test "rare" has @rare samples, none in the first @absent runs of the new side. */
static const char *unsteady_test(int n, uint64_t rare, int absent, size_t *ret_n)
{
        static char name[64];
        const struct compare_criteria criteria = COMPARE_CRITERIA_DEFAULT;
        struct profile_set sides[COMPARE_SIDES] = { { 0 } };
        struct compare_result *c;

        for (int run = 0; run < n * COMPARE_SIDES; run++) {
                struct profile *p = profile_new();

                add_part(p, &(struct part){ TEST ";/w/tests/test_a.py:test_often", 10000 });
                if (run % 2 == COMPARE_BASE || run / 2 >= absent)
                        add_part(p, &(struct part){ TEST ";/w/tests/test_a.py:test_rare", rare });
                cr_assert_eq(profile_set_add(&sides[run % 2], p), 0);
        }
        cr_assert_eq(compare_sides(sides, &criteria, &c), 0);
        for (int side = 0; side < COMPARE_SIDES; side++)
                profile_set_deinit(&sides[side]);
        snprintf(name, sizeof name, "%s", c->scope.unsteady ? c->scope.unsteady : "");
        *ret_n = c->scope.unsteady_n;
        compare_result_free(c);
        return name;
}

Test(compare_scope, a_test_that_did_not_run_is_told_from_one_that_was_missed)
{
        size_t n;

        cr_expect_str_eq(unsteady_test(8, 40, 1, &n), "", "sampling stood still for a moment");
        cr_expect_str_eq(unsteady_test(8, 29, 4, &n), "", "it is too short to tell");
        cr_expect_str_eq(unsteady_test(8, 40, 2, &n), "test_rare");
        cr_expect_eq(n, 1);
        cr_expect_str_eq(unsteady_test(8, 400, 1, &n), "test_rare", "sampling does not stand still for so long");
}
