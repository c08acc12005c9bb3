/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that are counted before their frames are known. Their ids have a bit of
 * their own, so they are no rows of the table of stacks: that holds each stack once,
 * and nothing else, whatever is reserved.
 */
#include "inside.h"

#include <stdlib.h>

/* More than any table has rows. */
#define RESERVED_BIT (1u << 31)
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

static bool is_reserved(const struct profile *p, profile_id id)
{
        return (id & RESERVED_BIT) && (id & ~RESERVED_BIT) < p->reserved_n;
}

void profile_link_stack(struct profile *p, profile_id reserved, profile_id stack)
{
        if (is_reserved(p, reserved) && stack <= p->stacks.n)
                p->reserved[reserved & ~RESERVED_BIT] = stack;
}

bool profile_has_stack(const struct profile *p, profile_id stack)
{
        return (stack > 0 && stack <= p->stacks.n) || is_reserved(p, stack);
}

size_t profile_reserved_bytes(const struct profile *p)
{
        return p->reserved_n * (sizeof(profile_id) + sizeof(struct profile_sample) + 16);
}

/* ---- settling -------------------------------------------------------------- */

static profile_id resolve(const struct profile *p, profile_id stack)
{
        return is_reserved(p, stack) ? p->reserved[stack & ~RESERVED_BIT] : stack;
}

static void lose(struct profile *p, const struct profile_sample *sample)
{
        p->counters.ok -= sample->count;
        p->counters.sampled_ns -= sample->nanoseconds;
        p->counters.failed += sample->count;
        p->counters.failed_ns += sample->nanoseconds;
}

/* In the samples' own memory, which no place is missing in: there are no more of them than before. */
void profile_settle(struct profile *p)
{
        uint32_t n = p->samples.n;

        if (p->reserved_n == 0)
                return;
        profile_rows_clear(&p->samples);
        p->total = 0;
        for (uint32_t id = 1; id <= n; id++) {
                struct profile_sample sample =
                        *(struct profile_sample *)profile_rows_item(&p->samples, sizeof(sample), id);
                profile_id stack = resolve(p, sample.stack);

                if (stack == 0)
                        lose(p, &sample);
                else
                        profile_add(p, stack, sample.thread, sample.state, sample.count, sample.nanoseconds);
        }
        free(p->reserved);
        p->reserved = NULL;
        p->reserved_n = p->reserved_capacity = 0;
}
