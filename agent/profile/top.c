/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions by the samples that they were in. For each function the last stack that counted it is remembered. So
 * recursion counts once, and no set is needed.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct weight *profile_weigh_stacks(const struct profile *p)
{
        struct weight *weights = calloc(p->stacks.n + 1, sizeof(*weights));

        for (size_t i = 0; weights && i < p->samples.n; i++) {
                const struct profile_sample *sample = profile_sample(p, i);

                weights[sample->stack].count += sample->count;
                weights[sample->stack].nanoseconds += sample->nanoseconds;
        }
        return weights;
}

static void count_weight_of_stack(const struct profile *p, profile_id stack, struct weight weight,
                                  struct profile_top *tops, profile_id *seen)
{
        size_t n;
        const profile_id *frames = profile_stack(p, stack, &n);
        size_t first = profile_leaf(p, frames, n);
        struct profile_top *leaf = &tops[profile_frame(p, frames[first])->function - 1];

        leaf->self += weight.count;
        leaf->self_ns += weight.nanoseconds;
        for (size_t i = first; i < n; i++) {
                profile_id function = profile_frame(p, frames[i])->function;

                if (seen[function - 1] == stack)
                        continue;
                seen[function - 1] = stack;
                tops[function - 1].total += weight.count;
                tops[function - 1].total_ns += weight.nanoseconds;
        }
}

/* ---- what functions wait for ------------------------------------------------ */

/* The time for which a function waits for a reason. */
struct waiting {
        profile_id function, reason;
        uint64_t ns;
};

static int order_waiting(const void *a, const void *b)
{
        const struct waiting *x = a;
        const struct waiting *y = b;

        if (x->function != y->function)
                return x->function < y->function ? -1 : 1;
        return (x->reason > y->reason) - (x->reason < y->reason);
}

/* Whether the thread of a stack waits in a function, and the stack says for what. */
static bool is_waiting(const struct profile *p, const profile_id *frames, size_t n)
{
        const struct profile_function *f = profile_function(p, profile_frame(p, frames[0])->function);

        return n > 1 && profile_reason_kind(f->name, f->file);
}

static size_t list_waiting(const struct profile *p, const struct weight *weights, struct waiting *ret)
{
        size_t found = 0;

        for (uint32_t id = 1; id <= p->stacks.n; id++) {
                size_t n;
                const profile_id *frames = profile_stack(p, id, &n);

                if (weights[id].nanoseconds > 0 && is_waiting(p, frames, n))
                        ret[found++] = (struct waiting){ profile_frame(p, frames[1])->function,
                                                         profile_frame(p, frames[0])->function,
                                                         weights[id].nanoseconds };
        }
        return found;
}

/* Finds the reason for which each function waits most. */
static int choose_waits(const struct profile *p, const struct weight *weights, struct profile_top *tops)
{
        struct waiting *waiting = malloc((p->stacks.n + 1) * sizeof(*waiting));

        if (!waiting)
                return -ENOMEM;
        size_t n = list_waiting(p, weights, waiting);
        qsort(waiting, n, sizeof(*waiting), order_waiting);
        for (size_t i = 0, next; i < n; i = next) {
                struct profile_top *top = &tops[waiting[i].function - 1];
                uint64_t ns = 0;

                for (next = i; next < n && order_waiting(&waiting[i], &waiting[next]) == 0; next++)
                        ns += waiting[next].ns;
                if (ns > top->waits_ns) {
                        top->waits_ns = ns;
                        top->waits = profile_function(p, waiting[i].reason)->name;
                }
        }
        free(waiting);
        return 0;
}

/* ---- order -------------------------------------------------------------------- */

static int order_numbers_descending(uint64_t a, uint64_t b)
{
        return (a < b) - (a > b);
}

static int order_tops(const void *a, const void *b)
{
        const struct profile_top *x = a;
        const struct profile_top *y = b;
        int r = order_numbers_descending(x->self, y->self);

        if (r == 0)
                r = order_numbers_descending(x->total, y->total);
        if (r == 0)
                r = strcmp(x->name, y->name);
        return r ? r : strcmp(x->file, y->file);
}

/* Leaves out functions without samples: they come from merged or unfinished stacks. */
static size_t name_and_compact_tops(const struct profile *p, struct profile_top *tops)
{
        size_t n = 0;

        for (uint32_t id = 1; id <= p->functions.n; id++) {
                const struct profile_function *function = profile_function(p, id);

                if (tops[id - 1].total == 0)
                        continue;
                tops[n] = tops[id - 1];
                tops[n].name = function->name;
                tops[n].file = function->file;
                n++;
        }
        return n;
}

int profile_top(const struct profile *p, size_t max, struct profile_top **ret, size_t *ret_n)
{
        struct profile_top *tops = calloc(p->functions.n + 1, sizeof(*tops));
        profile_id *seen = calloc(p->functions.n + 1, sizeof(*seen));
        struct weight *weights = profile_weigh_stacks(p);
        int r = -ENOMEM;

        if (!tops || !seen || !weights || choose_waits(p, weights, tops) < 0)
                goto out;
        for (uint32_t id = 1; id <= p->stacks.n; id++)
                if (weights[id].count > 0)
                        count_weight_of_stack(p, id, weights[id], tops, seen);

        size_t n = name_and_compact_tops(p, tops);

        qsort(tops, n, sizeof(*tops), order_tops);
        *ret = tops;
        *ret_n = n < max ? n : max;
        tops = NULL;
        r = 0;
out:
        free(weights);
        free(seen);
        free(tops);
        return r;
}
