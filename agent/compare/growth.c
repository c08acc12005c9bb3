/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path from the root that a function's growth took, and the leaf whose self time grew. All stacks that contain the
 * function are followed from the root. A function is on the path as long as it has nearly all of the growth.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each function of a path must have at least this part of the growth. */
#define MOST 0.8

struct way {
        const struct compare_result *comparison;
        profile_id *stacks; /* stacks that begin with the path so far */
        size_t n;
        double *gains; /* by function: the growth of the stacks that go on through it */
};

static int way_init(struct way *way, const struct compare_result *comparison)
{
        *way = (struct way){
                .comparison = comparison,
                .stacks = calloc(profile_stacks(comparison->stacks) + 1, sizeof(*way->stacks)),
                .gains = calloc(profile_functions(comparison->stacks) + 1, sizeof(*way->gains)),
        };
        return way->stacks && way->gains ? 0 : -ENOMEM;
}

static void way_deinit(struct way *way)
{
        free(way->stacks);
        free(way->gains);
}

static profile_id leaf_of(const struct way *way, profile_id stack)
{
        size_t n;

        return profile_frame(way->comparison->stacks, profile_stack(way->comparison->stacks, stack, &n)[0])->function;
}

/* The function at @depth from the root; 0: the stack ends before. */
static profile_id function_at(const struct way *way, profile_id stack, size_t depth)
{
        size_t n;
        const profile_id *frames = profile_stack(way->comparison->stacks, stack, &n);

        return depth < n ? profile_frame(way->comparison->stacks, frames[n - 1 - depth])->function : 0;
}

static double gain_of(const struct way *way, profile_id stack)
{
        const struct compare_result *c = way->comparison;

        return (double)c->counts[stack][COMPARE_NEW] / (double)c->samples[COMPARE_NEW] -
               (double)c->counts[stack][COMPARE_BASE] / (double)c->samples[COMPARE_BASE];
}

static bool has_function(const struct way *way, profile_id stack, profile_id function, enum compare_measure measure)
{
        size_t n;
        const profile_id *frames = profile_stack(way->comparison->stacks, stack, &n);

        for (size_t i = 0; i < (measure == COMPARE_SELF ? 1 : n); i++)
                if (profile_frame(way->comparison->stacks, frames[i])->function == function)
                        return true;
        return false;
}

static double gather_stacks_with(struct way *way, profile_id function, enum compare_measure measure)
{
        double growth = 0;

        for (uint32_t id = 1; id <= profile_stacks(way->comparison->stacks); id++) {
                if (!has_function(way, id, function, measure))
                        continue;
                way->stacks[way->n++] = id;
                growth += gain_of(way, id);
        }
        return growth;
}

/* The function at @depth through which most of the growth goes on; 0: there is none. */
static profile_id choose_next_function(const struct way *way, size_t depth, double growth)
{
        profile_id best = 0;

        for (size_t i = 0; i < way->n; i++)
                way->gains[function_at(way, way->stacks[i], depth)] = 0;
        for (size_t i = 0; i < way->n; i++)
                way->gains[function_at(way, way->stacks[i], depth)] += gain_of(way, way->stacks[i]);
        for (size_t i = 0; i < way->n; i++) {
                profile_id function = function_at(way, way->stacks[i], depth);

                if (function != 0 && (best == 0 || way->gains[function] > way->gains[best]))
                        best = function;
        }
        return best != 0 && way->gains[best] >= MOST * growth ? best : 0;
}

static void keep_stacks_through(struct way *way, size_t depth, profile_id function)
{
        size_t n = 0;

        for (size_t i = 0; i < way->n; i++)
                if (function_at(way, way->stacks[i], depth) == function)
                        way->stacks[n++] = way->stacks[i];
        way->n = n;
}

static size_t depth_of_longest_stack(const struct way *way)
{
        size_t most = 0;

        for (size_t i = 0; i < way->n; i++) {
                size_t n;

                profile_stack(way->comparison->stacks, way->stacks[i], &n);
                most = n > most ? n : most;
        }
        return most;
}

static int follow_growth(struct way *way, double growth, profile_id **ret, size_t *ret_n)
{
        profile_id *path = calloc(depth_of_longest_stack(way) + 1, sizeof(*path)), function;
        size_t n = 0;

        if (!path)
                return -ENOMEM;
        while (growth > 0 && (function = choose_next_function(way, n, growth)) != 0) {
                keep_stacks_through(way, n, function);
                path[n++] = function;
        }
        *ret = path;
        *ret_n = n;
        return 0;
}

int compare_growth_path(const struct compare_result *comparison, profile_id function, enum compare_measure measure,
                        profile_id **ret, size_t *ret_n)
{
        struct way way;
        int r = way_init(&way, comparison);

        if (r == 0) {
                double growth = gather_stacks_with(&way, function, measure);

                r = follow_growth(&way, growth, ret, ret_n);
        }
        way_deinit(&way);
        return r;
}

/* The one of @leaves with the largest gain, if all of them together have most of @growth; otherwise 0. */
static profile_id choose_leaf(const struct way *way, double growth, const profile_id *leaves, size_t n)
{
        profile_id best = 0;
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
                sum += way->gains[leaves[i]];
                if (best == 0 || way->gains[leaves[i]] > way->gains[best])
                        best = leaves[i];
        }
        return growth > 0 && sum >= MOST * growth ? best : 0;
}

int compare_growth_leaf(const struct compare_result *comparison, profile_id function, const profile_id *leaves,
                        size_t n, profile_id *ret)
{
        struct way way;
        int r = way_init(&way, comparison);

        if (r == 0) {
                double growth = gather_stacks_with(&way, function, COMPARE_TOTAL);

                for (size_t i = 0; i < way.n; i++)
                        way.gains[leaf_of(&way, way.stacks[i])] += gain_of(&way, way.stacks[i]);
                *ret = choose_leaf(&way, growth, leaves, n);
        }
        way_deinit(&way);
        return r;
}
