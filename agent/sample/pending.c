/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that wait to be proved, many by one system call: see pystack_defer().
 * They are counted when they are proved. If a code object of theirs is freed before, or the process ends, the stacks of
 * the last few milliseconds are lost.
 */
#include "internal.h"

#include <stdlib.h>

/*
 * Deferred stacks are lost if the process ends. So they stand for 8 ms at most, and for 1/256 of what has been sampled
 * of the process. If fewer than 8 stacks fit into that, none is deferred: it would save too little.
 */
#define WAIT_NS 8000000u
#define WAIT_PART 256
#define WORTH_IT 8

/* The time of the highest rate is 50 us. */
#define PENDING_MAX 160

static uint64_t longest_wait(const struct target *t)
{
        uint64_t part = t->counted_ns / WAIT_PART;

        return part < WAIT_NS ? part : WAIT_NS;
}

void pending_allow(struct target *t, uint64_t ns, enum profile_state state)
{
        /* The stack of a thread that sleeps is remembered, so it has to be true at once. */
        bool allowed = state == PROFILE_RUNNING && ns * WORTH_IT <= longest_wait(t);

        if (allowed && !t->pending)
                t->pending = malloc(PENDING_MAX * sizeof *t->pending);
        pystack_defer(t->py, allowed && t->pending);
}

void pending_lose(struct profile_counters *counters, int error, uint64_t count, uint64_t ns)
{
        uint64_t *number = error == PYSTACK_E_TORN   ? &counters->torn
                           : error == PYSTACK_E_GONE ? &counters->gone
                                                     : &counters->failed;
        uint64_t *time = error == PYSTACK_E_TORN   ? &counters->torn_ns
                         : error == PYSTACK_E_GONE ? &counters->gone_ns
                                                   : &counters->failed_ns;

        *number += count;
        *time += ns;
}

/* Appends a sample that was counted to the timeline, as long as all timelines have room together. */
static void append_to_timeline(struct target *t, const struct pending *stack)
{
        struct sampler *s = t->decoder->sampler;
        uint64_t at = stack->at_ns ? stack->at_ns : clock_ns(CLOCK_MONOTONIC);
        struct profile_moment moment = {
                .end_ns = at > t->since_mono_ns ? at - t->since_mono_ns : 0,
                .nanoseconds = stack->ns,
                .count = stack->count,
                .stack = stack->stack,
                .thread = stack->thread,
                .mark = stack->mark,
                .state = stack->state,
        };

        if (atomic_fetch_add(&s->timeline_used, sizeof(moment)) + sizeof(moment) <= s->config.timeline_bytes)
                profile_add_moment(t->profile, &moment);
        else
                profile_lose_moment(t->profile, &moment);
}

bool pending_count(struct target *t, const struct pending *stack)
{
        struct profile_counters *counters = profile_counters(t->profile);
        bool counted = stack->stack && profile_add_marked(t->profile, stack->stack, stack->thread, stack->state,
                                                          stack->mark, stack->count, stack->ns) == 0;

        t->counted_ns += stack->ns;
        if (!counted) {
                pending_lose(counters, PYSTACK_E_CORRUPT, stack->count, stack->ns);
                return false;
        }
        counters->ok += stack->count;
        counters->sampled_ns += stack->ns;
        counters->retried += stack->retried;
        if (profile_has_timeline(t->profile))
                append_to_timeline(t, stack);
        return true;
}

void pending_add(struct target *t, const struct pending *stack)
{
        struct pending *added = &t->pending[t->n_pending++];

        *added = *stack;
        if (profile_has_timeline(t->profile))
                added->at_ns = clock_ns(CLOCK_MONOTONIC);
        t->pending_ns += stack->ns;
        if (t->n_pending == PENDING_MAX || t->pending_ns >= longest_wait(t))
                pending_settle(t);
}

void pending_settle(struct target *t)
{
        struct profile_counters *counters = profile_counters(t->profile);
        size_t n = t->n_pending;
        int e = n == 0 ? 0 : pystack_validate(t->py);

        t->n_pending = 0;
        t->pending_ns = 0;
        for (size_t i = 0; i < n; i++) {
                if (e == 0)
                        pending_count(t, &t->pending[i]);
                else
                        pending_lose(counters, e, t->pending[i].count, t->pending[i].ns);
        }
}
