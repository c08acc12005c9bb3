/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include "internal.h"

/* A stack of 60 functions of a large application takes some 80 kB: 54 of code objects, the rest of the profile. */
#define ROOM_MIN ((size_t)256 << 10)
#define ROOM_MAX ((size_t)8 << 20)

void memory_open(struct memory *m, struct memory_pool *pool)
{
        *m = (struct memory){ .pool = pool, .room = ROOM_MIN };
}

void memory_close(struct memory *m)
{
        if (!m->takes_part)
                return;
        atomic_fetch_sub(&m->pool->leased, m->leased);
        atomic_fetch_sub(&m->pool->targets, 1);
        m->leased = 0;
        m->takes_part = false;
}

static size_t codes_bytes(const struct target *t)
{
        uint64_t refusals;

        return pystack_bytes(t->py, &refusals);
}

static size_t used_bytes(const struct target *t)
{
        return codes_bytes(t) + pystack_native_bytes(t->py) + profile_bytes(t->profile) + stacks_bytes(&t->stacks) +
               waits_bytes(&t->waits) + t->naming.bytes;
}

static void widen_room(struct target *t)
{
        struct memory *m = &t->memory;
        uint64_t refusals;

        pystack_bytes(t->py, &refusals);
        if (refusals != m->refusals && m->room < ROOM_MAX)
                m->room *= 2;
        m->refusals = refusals;
}

static size_t least_of(size_t a, size_t b)
{
        return a < b ? a : b;
}

/*
 * Half of the free shared bytes, so that other CPUs' readers find some too; or the target's own part, if that is more.
 * Targets that came when there were fewer have had larger parts of their own, so that a late one may find less than its
 * part.
 */
static size_t portion_of_free_memory(const struct memory *m, size_t leased)
{
        size_t max = atomic_load(&m->pool->max), shared = max / 4 * 3, own = max / 4 / atomic_load(&m->pool->targets);
        size_t of_shared = leased < shared ? (shared - leased) / 2 : 0;
        size_t of_own = m->leased < own ? own - m->leased : 0;

        return of_shared > of_own ? of_shared : least_of(of_own, leased < max ? max - leased : 0);
}

/* Returns the bytes that are leased in addition: up to @wanted. */
static size_t lease_bytes(struct memory *m, size_t wanted)
{
        size_t before = atomic_load(&m->pool->leased), bytes;

        do {
                bytes = least_of(portion_of_free_memory(m, before), wanted);
        } while (!atomic_compare_exchange_weak(&m->pool->leased, &before, before + bytes));
        m->leased += bytes;
        return bytes;
}

/* The pool has no room for the target. */
static void note_refusal(struct target *t)
{
        struct memory *m = &t->memory;

        atomic_fetch_add(&m->pool->refused, 1);
        if (m->leased > atomic_load(&m->pool->max) / atomic_load(&m->pool->targets))
                target_trim(t);
}

static void take_part_in_pool(struct memory *m)
{
        if (!m->takes_part)
                atomic_fetch_add(&m->pool->targets, 1);
        m->takes_part = true;
}

/* What is left of the lease beside @others, never 0: that would be no bound. */
static size_t lease_left_beside(const struct memory *m, size_t others)
{
        return m->leased > others ? m->leased - others : 1;
}

void memory_prepare(struct target *t)
{
        struct memory *m = &t->memory;
        size_t used, wanted;

        if (atomic_load(&m->pool->max) == 0)
                return;
        take_part_in_pool(m);
        widen_room(t);
        used = used_bytes(t);
        wanted = used + m->room;
        if (wanted > m->leased && lease_bytes(m, wanted - m->leased) < ROOM_MIN)
                note_refusal(t);
        pystack_limit_bytes(t->py, lease_left_beside(m, used_bytes(t) - codes_bytes(t)));
}

void memory_bound_profile(struct target *t, size_t max)
{
        if (!t->memory.takes_part)
                return;
        size_t left = lease_left_beside(&t->memory, used_bytes(t) - profile_bytes(t->profile));
        profile_limit(t->profile, max == 0 || left < max ? left : max);
}

bool memory_has_room(const struct target *t, size_t bytes)
{
        return !t->memory.takes_part || bytes < lease_left_beside(&t->memory, used_bytes(t));
}

void memory_return(struct target *t)
{
        struct memory *m = &t->memory;
        size_t used;

        if (!m->takes_part)
                return;
        used = used_bytes(t);
        if (used >= m->leased)
                return;
        atomic_fetch_sub(&m->pool->leased, m->leased - used);
        m->leased = used;
}
