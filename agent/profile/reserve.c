/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that are counted before their frames are known. A bit marks their ids, so they are no rows of the table of
 * stacks. That table holds each stack once and nothing else, whatever is reserved. Samples of reserved ids have a table
 * of their own for the same reason, and marked samples share it. So settling them takes time linear in their number
 * only.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define RESERVED_FIRST 64

static bool make_room(struct profile *p)
{
        if (p->reserved_n < p->reserved_capacity)
                return true;

        size_t capacity = p->reserved_capacity ? p->reserved_capacity * 2 : RESERVED_FIRST;
        profile_id *grown = realloc(p->reserved, capacity * sizeof(*grown));

        if (!grown)
                return false;
        p->reserved = grown;
        p->reserved_capacity = capacity;
        return true;
}

profile_id profile_reserve_stack(struct profile *p)
{
        if (p->reserved_n >= RESERVED_MAX || profile_is_full(p) || !make_room(p))
                return 0;
        p->reserved[p->reserved_n] = 0;
        return RESERVED_BIT | (profile_id)p->reserved_n++;
}

static bool is_reserved_id(const struct profile *p, profile_id id)
{
        return (id & RESERVED_BIT) && (id & ~RESERVED_BIT) < p->reserved_n;
}

void profile_link_stack(struct profile *p, profile_id reserved, profile_id stack)
{
        if (is_reserved_id(p, reserved) && stack <= p->stacks.n)
                p->reserved[reserved & ~RESERVED_BIT] = stack;
}

bool profile_has_stack(const struct profile *p, profile_id stack)
{
        return (stack > 0 && stack <= p->stacks.n) || is_reserved_id(p, stack);
}

size_t profile_reserved(const struct profile *p)
{
        return p->reserved_n;
}

size_t profile_reserved_bytes(const struct profile *p)
{
        return p->reserved_n * sizeof(*p->reserved) + p->unsettled.n * (sizeof(struct profile_sample) + 16);
}

profile_id profile_linked(const struct profile *p, profile_id stack)
{
        return is_reserved_id(p, stack) ? p->reserved[stack & ~RESERVED_BIT] : stack;
}

/* ---- settling -------------------------------------------------------------- */

static void count_sample_as_failed(struct profile *p, const struct profile_sample *sample)
{
        p->counters.ok -= sample->count;
        p->counters.sampled_ns -= sample->nanoseconds;
        p->counters.failed += sample->count;
        p->counters.failed_ns += sample->nanoseconds;
}

static void count_sample_as_left_out(struct profile *p, const struct profile_sample *sample)
{
        p->counters.ok -= sample->count;
        p->counters.ticks -= sample->count;
        p->counters.sampled_ns -= sample->nanoseconds;
        p->counters.left_out_ns += sample->nanoseconds;
}

/* The stack that has @leaf below @stack; @stack itself if there is no room for it. */
static profile_id extend_stack(struct profile *p, profile_id stack, profile_id leaf)
{
        size_t n;
        const profile_id *frames = profile_stack(p, stack, &n);
        profile_id *longer = malloc((n + 1) * sizeof(*longer)), ret = stack;

        if (!longer)
                return stack;
        longer[0] = leaf;
        memcpy(longer + 1, frames, n * sizeof(*frames));
        if (profile_intern_stack(p, longer, n + 1, &ret) < 0)
                ret = stack;
        free(longer);
        return ret;
}

/* Gives @stack its leaf. False: its sample is left out. */
static bool put_leaf(struct profile *p, profile_id *stack, uint32_t mark, const struct profile_marks *marks)
{
        profile_id leaf = 0;

        if (!*stack || !mark || !marks)
                return true;
        if (!marks->leaf(marks->ctx, p, *stack, mark, &leaf))
                return false;
        if (leaf)
                *stack = extend_stack(p, *stack, leaf);
        return true;
}

profile_id profile_settled_stack(struct profile *p, profile_id stack, uint32_t mark, const struct profile_marks *marks)
{
        stack = profile_linked(p, stack);
        return put_leaf(p, &stack, mark, marks) ? stack : 0;
}

static void settle_sample(struct profile *p, const struct profile_sample *sample, const struct profile_marks *marks)
{
        profile_id stack = profile_linked(p, sample->stack);

        if (!put_leaf(p, &stack, sample->mark, marks)) {
                count_sample_as_left_out(p, sample);
                return;
        }
        if (!stack || profile_add(p, stack, sample->thread, sample->state, sample->count, sample->nanoseconds) < 0)
                count_sample_as_failed(p, sample);
}

void profile_settle(struct profile *p, const struct profile_marks *marks)
{
        for (uint32_t id = 1; id <= p->unsettled.n; id++)
                settle_sample(p, profile_table_item(&p->unsettled, sizeof(struct profile_sample), id), marks);
        profile_timeline_settle(p, marks);
        profile_table_deinit(&p->unsettled);
        free(p->reserved);
        p->reserved = NULL;
        p->reserved_n = p->reserved_capacity = 0;
}
