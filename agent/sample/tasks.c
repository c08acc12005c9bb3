/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a target has its tasks and its greenlets is read when it is added, and again when a stack may have had some:
 * asyncio and greenlet are imported late. Where the greenlets are is of use even if no stack is to show them: a thread
 * that is switching could not be read without.
 */
#include "tasks.h"

#include <stdatomic.h>

#define READ_PART 50
#define PAUSE_MIN_NS 50000000u

/*
 * What is read, and the longest pause between two readings. A stack of a coroutine shows that there may be tasks. Nothing shows
 * that there may be greenlets, so a process that has none is asked for them rarely.
 */
static const struct place {
        bool (*is_stale)(const struct pystack *py);
        int (*read)(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx);
        uint64_t pause_max_ns;
} places[TASK_PLACES] = {
        { pystack_tasks_are_stale, pystack_tasks_read, 1000000000u },
        { pystack_greenlets_are_stale, pystack_greenlets_read, 30000000000u },
};

void tasks_begin(struct target *t, const struct sampler *s)
{
        /* If these fail, they are tried again once a stack may have one. */
        if (s->config.tasks != PYSTACK_TASKS_OFF)
                pystack_tasks_read(t->py, NULL, NULL, NULL);
        pystack_greenlets_read(t->py, NULL, NULL, NULL);
}

static bool is_reading_due(const struct target *t, uint64_t now)
{
        for (size_t i = 0; i < TASK_PLACES; i++)
                if (places[i].is_stale(t->py) && now >= t->tasks.due_ns[i])
                        return true;
        return false;
}

void tasks_note(struct target *t)
{
        uint64_t unread = pystack_tasks_unread(t->py);

        if (unread != t->tasks.unread) {
                atomic_fetch_add(&t->decoder->sampler->without_task, unread - t->tasks.unread);
                t->tasks.unread = unread;
        }
        if ((pystack_tasks_are_stale(t->py) || pystack_greenlets_are_stale(t->py)) &&
            is_reading_due(t, clock_ns(CLOCK_MONOTONIC)))
                decoder_ask(t);
}

static bool lock_target(void *ctx)
{
        return target_lock(ctx) != TARGET_SILENT;
}

static void unlock_target(void *ctx)
{
        target_unlock(ctx);
}

static void read_place(struct target *t, size_t i)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC), *pause = &t->tasks.pause_ns[i];

        if (!places[i].is_stale(t->py) || begin < t->tasks.due_ns[i])
                return;
        bool read = places[i].read(t->py, lock_target, unlock_target, t) == 0;
        uint64_t end = clock_ns(CLOCK_MONOTONIC), least = (end - begin) * READ_PART;
        *pause = read ? 0 : 2 * *pause;
        if (*pause > places[i].pause_max_ns)
                *pause = places[i].pause_max_ns;
        if (*pause < PAUSE_MIN_NS)
                *pause = PAUSE_MIN_NS;
        t->tasks.due_ns[i] = end + (least > *pause ? least : *pause);
}

void tasks_refresh_when_due(struct target *t)
{
        for (size_t i = 0; i < TASK_PLACES; i++)
                read_place(t, i);
}
