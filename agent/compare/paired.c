/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of both sides in one profile, like a merge. But functions lose their lines and the folder of their
 * checkout, so that functions of one name in one file are one. Idle samples are left out. The stacks of a run are
 * walked once.
 */
#include "paired.h"

#include "source_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The function that samplers report if they know only that nothing ran. Others say why: profile_reason_kind(). */
#define IDLE "(idle)"

#define NS_PER_S 1e9

struct adding {
        struct paired *paired;
        const struct source_paths *paths;
        enum compare_side side;
        size_t run; /* index of the run: the base's runs first, then the new side's */
        const struct profile *from;
};

static void shorten_file(void *ctx, struct profile_function *function)
{
        const struct adding *a = ctx;

        function->file = source_paths_relative(a->paths, a->side, function->file);
}

static bool is_active(const struct adding *a, const struct profile_sample *sample)
{
        size_t n;
        const profile_id *frames = profile_stack(a->from, sample->stack, &n);
        const struct profile_function *leaf = profile_function(a->from, profile_frame(a->from, frames[0])->function);

        return sample->state == PROFILE_RUNNING && strcmp(leaf->name, IDLE) != 0 &&
               !profile_reason_kind(leaf->name, leaf->file);
}

/* The time that a sample stands for: its own time, or the period for each count. */
static double seconds_of(const struct profile *p, const struct profile_sample *sample)
{
        if (sample->nanoseconds > 0)
                return (double)sample->nanoseconds / NS_PER_S;
        return (double)sample->count * (double)profile_settings(p)->period_ns / NS_PER_S;
}

static int count_samples(struct adding *a, struct profile_map *map, uint64_t *counts)
{
        int r = profile_map_frames(map);

        for (size_t i = 0; r == 0 && i < profile_samples(a->from); i++) {
                const struct profile_sample *sample = profile_sample(a->from, i);
                profile_id stack;

                if (!is_active(a, sample))
                        continue;
                r = profile_map_stack(map, sample->stack, &stack);
                if (r < 0)
                        break;
                counts[stack] += sample->count;
                a->paired->samples[a->run] += sample->count;
                a->paired->seconds[a->run] += seconds_of(a->from, sample);
        }
        return r;
}

static int add_run(struct adding *a, uint64_t **ret_counts)
{
        uint64_t *counts = calloc(profile_stacks(a->from) + profile_stacks(a->paired->stacks) + 1, sizeof(*counts));
        struct profile_map map = { 0 };
        int r = counts ? profile_map_init(&map, a->paired->stacks, a->from) : -ENOMEM;

        map.no_lines = true;
        map.rename = shorten_file;
        map.ctx = a;
        if (r == 0)
                r = count_samples(a, &map, counts);
        profile_map_deinit(&map);
        *ret_counts = counts;
        return r;
}

/* ---- hits ------------------------------------------------------------------- */

/* A run's counts by stack id. There is one for each stack that was known when the run was added. */
struct run_counts {
        uint64_t *counts;
        size_t n;
        enum compare_side side;
};

static void count_hits_of_stack(struct paired *paired, size_t run, profile_id stack, uint64_t count, profile_id *seen)
{
        size_t n;
        const profile_id *frames = profile_stack(paired->stacks, stack, &n);

        paired_hits(paired, profile_frame(paired->stacks, frames[0])->function, COMPARE_SELF)[run] += count;
        for (size_t i = 0; i < n; i++) {
                profile_id function = profile_frame(paired->stacks, frames[i])->function;

                if (seen[function - 1] == stack)
                        continue;
                seen[function - 1] = stack;
                paired_hits(paired, function, COMPARE_TOTAL)[run] += count;
        }
}

static int count_hits(struct paired *paired, const struct run_counts *runs, size_t n)
{
        size_t functions = profile_functions(paired->stacks);
        profile_id *seen = calloc(functions + 1, sizeof(*seen));

        paired->hits = calloc((functions + 1) * COMPARE_MEASURES * n, sizeof(*paired->hits));
        paired->counts = calloc(profile_stacks(paired->stacks) + 1, sizeof(*paired->counts));
        if (!seen || !paired->hits || !paired->counts) {
                free(seen);
                return -ENOMEM;
        }
        for (size_t run = 0; run < n; run++) {
                memset(seen, 0, (functions + 1) * sizeof(*seen));
                for (uint32_t id = 1; id <= runs[run].n; id++) {
                        uint64_t count = runs[run].counts[id];

                        if (count == 0)
                                continue;
                        paired->counts[id][runs[run].side] += count;
                        count_hits_of_stack(paired, run, id, count, seen);
                }
        }
        free(seen);
        return 0;
}

/* ---- all runs -------------------------------------------------------------------- */

static int add_side(struct paired *paired, const struct profile_set *set, enum compare_side side,
                    const struct source_paths *paths, struct run_counts *runs)
{
        size_t first = side == COMPARE_BASE ? 0 : paired->runs[COMPARE_BASE];
        int r = 0;

        for (size_t i = 0; r == 0 && i < set->n; i++) {
                struct adding adding = {
                        .paired = paired,
                        .paths = paths,
                        .side = side,
                        .run = first + i,
                        .from = set->items[i],
                };

                r = add_run(&adding, &runs[first + i].counts);
                runs[first + i].n = profile_stacks(paired->stacks);
                runs[first + i].side = side;
        }
        return r;
}

int paired_make(const struct profile_set sides[static COMPARE_SIDES], struct paired *ret)
{
        struct paired paired = { .runs = { sides[COMPARE_BASE].n, sides[COMPARE_NEW].n }, .stacks = profile_new() };
        size_t n = paired.runs[COMPARE_BASE] + paired.runs[COMPARE_NEW];
        struct run_counts *runs = calloc(n + 1, sizeof(*runs));
        struct source_paths paths;
        int r = source_paths_learn(sides, &paths);

        paired.samples = calloc(n + 1, sizeof(*paired.samples));
        paired.seconds = calloc(n + 1, sizeof(*paired.seconds));
        if (!paired.stacks || !runs || !paired.samples || !paired.seconds)
                r = -ENOMEM;
        for (int side = 0; r == 0 && side < COMPARE_SIDES; side++)
                r = add_side(&paired, &sides[side], (enum compare_side)side, &paths, runs);
        if (r == 0)
                r = count_hits(&paired, runs, n);
        for (size_t i = 0; runs && i < n; i++)
                free(runs[i].counts);
        free(runs);
        if (r == 0)
                *ret = paired;
        else
                paired_deinit(&paired);
        return r;
}

void paired_deinit(struct paired *paired)
{
        profile_free(paired->stacks);
        free(paired->counts);
        free(paired->samples);
        free(paired->hits);
        free(paired->seconds);
        *paired = (struct paired){ 0 };
}
