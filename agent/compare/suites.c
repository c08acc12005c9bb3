/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short test may have no sample in a run by chance. With 30 expected samples that happens once in 10^13 runs, and even
 * if its time varies much, hardly ever.
 */
#include "suites.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* That many samples in one run show that a test without any in another one did not run there, or was missed. */
#define SAMPLES_TELL 30

/* It did not run if tests are missing in that many runs, or so large a part of one. */
#define RUNS_TELL 2
#define SHARE_TELLS 0.02

static profile_id outermost_function(const struct profile *p, profile_id stack)
{
        size_t n;
        const profile_id *frames = profile_stack(p, stack, &n);

        return profile_frame(p, frames[n - 1])->function;
}

/* Samples by outermost function and run: @n numbers for each function. */
static uint64_t *count_tests(const struct paired *paired, const struct run_counts *runs, size_t n)
{
        uint64_t *tests = calloc((profile_functions(paired->stacks) + 1) * n + 1, sizeof(*tests));

        for (size_t run = 0; tests && run < n; run++)
                for (uint32_t id = 1; id <= runs[run].n; id++)
                        if (runs[run].counts[id] > 0)
                                tests[outermost_function(paired->stacks, id) * n + run] += runs[run].counts[id];
        return tests;
}

/* The tests of a side that have no sample in some of its runs. */
struct absences {
        uint64_t *missing; /* by run: the samples that such tests have in other runs */
        uint64_t most;     /* samples in a run, of the longest such test */
        profile_id longest;
        size_t n; /* such tests */
};

static void note_absences(const uint64_t *row, size_t runs, profile_id test, struct absences *ret)
{
        uint64_t most = 0;
        bool absent = false;

        for (size_t i = 0; i < runs; i++) {
                most = row[i] > most ? row[i] : most;
                absent |= row[i] == 0;
        }
        if (most < SAMPLES_TELL || !absent)
                return;
        ret->n++;
        if (most > ret->most) {
                ret->most = most;
                ret->longest = test;
        }
        for (size_t i = 0; i < runs; i++)
                if (row[i] == 0)
                        ret->missing[i] += most;
}

/* On a crowded machine sampling stands still for some milliseconds, and in one run a short test is not met by that. */
static bool is_unsteady(const struct absences *absences, const uint64_t *samples, size_t runs)
{
        size_t n = 0;
        bool much = false;

        for (size_t i = 0; i < runs; i++) {
                n += absences->missing[i] > 0;
                much |= (double)absences->missing[i] > SHARE_TELLS * (double)samples[i];
        }
        return n >= RUNS_TELL || much;
}

static int note_unsteady_tests(struct paired *paired, const uint64_t *tests, size_t n)
{
        size_t before = 0;

        for (int side = 0; side < COMPARE_SIDES; side++) {
                size_t runs = paired->runs[side];
                struct absences absences = { .missing = calloc(runs + 1, sizeof(*absences.missing)) };

                if (!absences.missing)
                        return -ENOMEM;
                for (uint32_t f = 1; f <= profile_functions(paired->stacks); f++)
                        note_absences(tests + f * n + before, runs, f, &absences);
                if (is_unsteady(&absences, paired->samples + before, runs)) {
                        if (paired->scope.unsteady_n == 0)
                                paired->scope.unsteady = profile_function(paired->stacks, absences.longest)->name;
                        paired->scope.unsteady_n += absences.n;
                }
                free(absences.missing);
                before += runs;
        }
        return 0;
}

/* Whether only one side has the test. */
static bool is_one_sided(const struct paired *paired, const uint64_t *row)
{
        uint64_t sum[COMPARE_SIDES] = { 0 };

        for (size_t run = 0; run < paired->runs[COMPARE_BASE] + paired->runs[COMPARE_NEW]; run++)
                sum[run < paired->runs[COMPARE_BASE] ? COMPARE_BASE : COMPARE_NEW] += row[run];
        return (sum[COMPARE_BASE] == 0 && sum[COMPARE_NEW] >= SAMPLES_TELL) ||
               (sum[COMPARE_NEW] == 0 && sum[COMPARE_BASE] >= SAMPLES_TELL);
}

static void leave_out_one_sided(struct paired *paired, struct run_counts *runs, size_t n, const uint64_t *tests)
{
        for (size_t run = 0; run < n; run++)
                for (uint32_t id = 1; id <= runs[run].n; id++) {
                        uint64_t *count = &runs[run].counts[id];

                        if (*count == 0 || !is_one_sided(paired, tests + outermost_function(paired->stacks, id) * n))
                                continue;
                        paired->scope.left_out[COMPARE_LEFT_ONE_SIDED][runs[run].side] += *count;
                        paired->seconds[run] *= 1 - (double)*count / (double)paired->samples[run];
                        paired->samples[run] -= *count;
                        *count = 0;
                }
}

int suites_check(struct paired *paired, struct run_counts *runs, size_t n)
{
        uint64_t *tests = count_tests(paired, runs, n);

        if (!tests)
                return -ENOMEM;
        int r = note_unsteady_tests(paired, tests, n);
        if (r == 0)
                leave_out_one_sided(paired, runs, n, tests);
        free(tests);
        return r;
}
