/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short test may have no sample in a run by chance. With 30 expected samples that happens once in 10^13 runs, and even
 * if its time varies much, hardly ever.
 */
#include "suites.h"

#include <errno.h>
#include <stdlib.h>

/* That many samples prove that a test without any did not run. */
#define SAMPLES_TELL 30

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

static void note_unsteady_tests(struct paired *paired, const uint64_t *tests, size_t n)
{
        size_t base = paired->runs[COMPARE_BASE];

        for (uint32_t f = 1; f <= profile_functions(paired->stacks); f++)
                for (int side = 0; side < COMPARE_SIDES; side++) {
                        const uint64_t *row = tests + f * n + (side == COMPARE_BASE ? 0 : base);
                        uint64_t most = 0, least = UINT64_MAX;

                        for (size_t i = 0; i < paired->runs[side]; i++) {
                                most = row[i] > most ? row[i] : most;
                                least = row[i] < least ? row[i] : least;
                        }
                        if (most < SAMPLES_TELL || least > 0)
                                continue;
                        if (paired->scope.unsteady_n++ == 0)
                                paired->scope.unsteady = profile_function(paired->stacks, f)->name;
                }
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
        note_unsteady_tests(paired, tests, n);
        leave_out_one_sided(paired, runs, n, tests);
        free(tests);
        return 0;
}
