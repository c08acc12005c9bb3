/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile: making it, counting into it, reading it. A new profile is a single small allocation. Each table
 * allocates memory with its first row.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/*
 * The seed keeps a target from choosing names that all fall into one slot. It is made of two things that a container
 * cannot see: the address of this heap, and the time.
 */
static uint64_t make_seed(const struct profile *p)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uintptr_t)p ^ ((uint64_t)now.tv_nsec << 32);
}

struct profile *profile_new(void)
{
        struct profile *p = calloc(1, sizeof(*p));

        if (p)
                p->seed = make_seed(p);
        return p;
}

void profile_free(struct profile *p)
{
        if (!p)
                return;
        profile_strings_deinit(&p->strings);
        profile_table_deinit(&p->functions);
        profile_table_deinit(&p->frames);
        profile_table_deinit(&p->stacks);
        profile_table_deinit(&p->threads);
        profile_table_deinit(&p->samples);
        profile_table_deinit(&p->unsettled);
        free(p->stack_frames);
        free(p->reserved);
        profile_attributes_deinit(p);
        profile_timeline_deinit(p);
        free(p);
}

/* ---- counting ------------------------------------------------------------ */

static bool is_equal_sample(const void *item, const void *key)
{
        const struct profile_sample *a = item;
        const struct profile_sample *b = key;

        return a->stack == b->stack && a->thread == b->thread && a->state == b->state && a->mark == b->mark;
}

static const struct table_kind sample_kind = {
        .size = sizeof(struct profile_sample),
        .max = SAMPLES_MAX,
        .equal = is_equal_sample,
};

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
        uint64_t sum;

        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

int profile_add_marked(struct profile *p, profile_id stack, profile_id thread, enum profile_state state, uint32_t mark,
                       uint64_t count, uint64_t nanoseconds)
{
        struct profile_sample key = { .stack = stack, .thread = thread, .state = state, .mark = mark };
        uint32_t parts[] = { stack, thread, state, mark };
        uint64_t hash = profile_table_hash(parts, sizeof(parts), p->seed);
        struct table *table = stack & RESERVED_BIT || mark ? &p->unsettled : &p->samples;
        uint32_t id = profile_table_find(table, &sample_kind, hash, &key);

        if (id == 0) {
                if (!profile_has_stack(p, stack) || thread > p->threads.n)
                        return -EINVAL;

                int r = profile_table_add(table, &sample_kind, hash, &key, &id);

                if (r < 0)
                        return r;
        }

        struct profile_sample *sample = profile_table_item(table, sizeof(*sample), id);

        sample->count = add_saturated(sample->count, count);
        sample->nanoseconds = add_saturated(sample->nanoseconds, nanoseconds);
        if (table == &p->samples)
                p->total = add_saturated(p->total, count);
        return 0;
}

int profile_add(struct profile *p, profile_id stack, profile_id thread, enum profile_state state, uint64_t count,
                uint64_t nanoseconds)
{
        return profile_add_marked(p, stack, thread, state, 0, count, nanoseconds);
}

/* ---- settings and counters ----------------------------------------------- */

void profile_set_settings(struct profile *p, const struct profile_settings *settings)
{
        p->settings = *settings;
        p->have_settings = true;
}

const struct profile_settings *profile_settings(const struct profile *p)
{
        return &p->settings;
}

bool profile_has_settings(const struct profile *p)
{
        return p->have_settings;
}

struct profile_counters *profile_counters(struct profile *p)
{
        return &p->counters;
}

const struct profile_counters *profile_counters_of(const struct profile *p)
{
        return &p->counters;
}

/* ---- reading ------------------------------------------------------------- */

size_t profile_functions(const struct profile *p)
{
        return p->functions.n;
}

size_t profile_frames(const struct profile *p)
{
        return p->frames.n;
}

size_t profile_stacks(const struct profile *p)
{
        return p->stacks.n;
}

size_t profile_threads(const struct profile *p)
{
        return p->threads.n;
}

const struct profile_function *profile_function(const struct profile *p, profile_id id)
{
        return profile_table_item(&p->functions, sizeof(struct profile_function), id);
}

const struct profile_frame *profile_frame(const struct profile *p, profile_id id)
{
        return profile_table_item(&p->frames, sizeof(struct profile_frame), id);
}

const profile_id *profile_stack(const struct profile *p, profile_id id, size_t *ret_n)
{
        const struct stack *stack = profile_table_item(&p->stacks, sizeof(*stack), id);

        *ret_n = stack->n;
        return p->stack_frames + stack->offset;
}

void profile_thread(const struct profile *p, profile_id id, uint64_t *ret_tid, const char **ret_name)
{
        const struct thread *thread = profile_table_item(&p->threads, sizeof(*thread), id);

        *ret_tid = thread->tid;
        *ret_name = thread->shown ? thread->shown : thread->name;
}

size_t profile_samples(const struct profile *p)
{
        return p->samples.n;
}

const struct profile_sample *profile_sample(const struct profile *p, size_t i)
{
        return profile_table_item(&p->samples, sizeof(struct profile_sample), (uint32_t)i + 1);
}

uint64_t profile_total(const struct profile *p)
{
        return p->total;
}
