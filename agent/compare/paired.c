/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of both sides in one profile, like a merge. But functions lose their lines and the folder of their
 * checkout, so that functions of one name in one file are one. Idle samples are left out, and so is what is not in the
 * scope. The stacks of a run are walked once to learn the scope, and once to count.
 */
#include "paired.h"

#include "scope.h"
#include "source_paths.h"
#include "suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The function that samplers report if they know only that nothing ran. Others say why: profile_reason_kind(). */
#define IDLE "(idle)"

#define NS_PER_S 1e9

struct adding {
        struct paired *paired;
        const struct source_paths *paths;
        struct scope *scope;
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

/* Counts a sample, or counts that it is left out. */
static int count_sample(struct adding *a, const struct profile_map *map, const struct profile_sample *sample,
                        uint64_t *counts)
{
        struct compare_scoped *scope = &a->scope->found;
        enum compare_left_out why;
        profile_id stack;
        /* The map's room for a stack is free: stacks are not mapped whole. */
        size_t n = scope_cut(a->scope, map, sample->stack, map->path, &why);

        scope->all[a->side] += sample->count;
        if (n == 0) {
                scope->left_out[why][a->side] += sample->count;
                return 0;
        }

        int r = profile_intern_stack(map->to, map->path, n, &stack);

        if (r < 0)
                return r;
        counts[stack] += sample->count;
        a->paired->samples[a->run] += sample->count;
        a->paired->seconds[a->run] += seconds_of(a->from, sample);
        return 0;
}

static int count_samples(struct adding *a, struct profile_map *map, uint64_t *counts)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < profile_samples(a->from); i++)
                if (is_active(a, profile_sample(a->from, i)))
                        r = count_sample(a, map, profile_sample(a->from, i), counts);
        return r;
}

/* Opens a map of the run to the common profile, with all frames. */
static int open_map(struct adding *a, struct profile_map *ret)
{
        int r = profile_map_init(ret, a->paired->stacks, a->from);

        ret->no_lines = true;
        ret->rename = shorten_file;
        ret->ctx = a;
        return r < 0 ? r : profile_map_frames(ret);
}

static int learn_run(struct adding *a)
{
        struct profile_map map = { 0 };
        int r = open_map(a, &map);

        if (r == 0)
                r = scope_learn(a->scope, a->side, &map);
        profile_map_deinit(&map);
        return r;
}

static int add_run(struct adding *a, uint64_t **ret_counts)
{
        uint64_t *counts = calloc(profile_stacks(a->from) + profile_stacks(a->paired->stacks) + 1, sizeof(*counts));
        struct profile_map map = { 0 };
        int r = counts ? open_map(a, &map) : -ENOMEM;

        if (r == 0)
                r = count_samples(a, &map, counts);
        profile_map_deinit(&map);
        *ret_counts = counts;
        return r;
}

/* ---- hits ------------------------------------------------------------------- */

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

struct pairing {
        struct paired paired;
        struct source_paths paths;
        struct scope scope;
        struct run_counts *runs;
};

/* Calls @visit for each run of both sides, until one fails. */
static int visit_runs(struct pairing *p, const struct profile_set *sides,
                      int (*visit)(struct adding *adding, struct run_counts *counts))
{
        int r = 0;
        size_t run = 0;

        for (int side = 0; side < COMPARE_SIDES; side++)
                for (size_t i = 0; r == 0 && i < sides[side].n; i++, run++) {
                        struct adding adding = {
                                .paired = &p->paired,
                                .paths = &p->paths,
                                .scope = &p->scope,
                                .side = (enum compare_side)side,
                                .run = run,
                                .from = sides[side].items[i],
                        };

                        r = visit(&adding, &p->runs[run]);
                }
        return r;
}

static int visit_to_learn(struct adding *adding, struct run_counts *counts)
{
        (void)counts;
        return learn_run(adding);
}

static int visit_to_add(struct adding *adding, struct run_counts *ret)
{
        int r = add_run(adding, &ret->counts);

        ret->n = profile_stacks(adding->paired->stacks);
        ret->side = adding->side;
        return r;
}

/* Whether both sides have what the scope takes: if not, nothing is counted. */
static bool has_what_it_takes(const struct compare_scoped *scope)
{
        return !scope->unmatched && !compare_scope_lacks(scope, COMPARE_BASE) &&
               !compare_scope_lacks(scope, COMPARE_NEW);
}

static int pair_runs(struct pairing *p, const struct profile_set *sides)
{
        size_t n = p->paired.runs[COMPARE_BASE] + p->paired.runs[COMPARE_NEW];
        int r = source_paths_learn(sides, &p->paths);

        p->runs = calloc(n + 1, sizeof(*p->runs));
        p->paired.samples = calloc(n + 1, sizeof(*p->paired.samples));
        p->paired.seconds = calloc(n + 1, sizeof(*p->paired.seconds));
        if (!p->paired.stacks || !p->runs || !p->paired.samples || !p->paired.seconds)
                return -ENOMEM;
        if (r == 0)
                r = visit_runs(p, sides, visit_to_learn);
        if (r < 0)
                return r;
        scope_decide(&p->scope);
        bool complete = has_what_it_takes(&p->scope.found);

        if (complete)
                r = visit_runs(p, sides, visit_to_add);
        p->paired.scope = p->scope.found;
        if (r == 0 && complete && p->paired.scope.start == COMPARE_START_TESTS)
                r = suites_check(&p->paired, p->runs, n);
        return r < 0 ? r : count_hits(&p->paired, p->runs, n);
}

int paired_make(const struct profile_set sides[static COMPARE_SIDES], const struct compare_scope *asked,
                struct paired *ret)
{
        struct pairing p = { .paired = { .runs = { sides[COMPARE_BASE].n, sides[COMPARE_NEW].n },
                                         .stacks = profile_new() },
                             .scope = { .asked = asked } };
        int r = pair_runs(&p, sides);

        for (size_t i = 0; p.runs && i < p.paired.runs[COMPARE_BASE] + p.paired.runs[COMPARE_NEW]; i++)
                free(p.runs[i].counts);
        free(p.runs);
        scope_deinit(&p.scope);
        if (r == 0)
                *ret = p.paired;
        else
                paired_deinit(&p.paired);
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
