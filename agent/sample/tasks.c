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
#define PAUSE_MAX_NS 1000000000u

void tasks_begin(struct target *t, const struct sampler *s)
{
        /* If these fail, they are tried again once a stack may have one. */
        if (s->config.tasks != PYSTACK_TASKS_OFF)
                pystack_tasks_read(t->py, NULL, NULL, NULL);
        pystack_greenlets_read(t->py, NULL, NULL, NULL);
}

static bool is_stale(const struct target *t)
{
        return pystack_tasks_are_stale(t->py) || pystack_greenlets_are_stale(t->py);
}

static bool is_reading_due(const struct target *t, uint64_t now)
{
        return is_stale(t) && now >= t->tasks.due_ns;
}

void tasks_note(struct target *t)
{
        uint64_t unread = pystack_tasks_unread(t->py);

        if (unread != t->tasks.unread) {
                atomic_fetch_add(&t->decoder->sampler->without_task, unread - t->tasks.unread);
                t->tasks.unread = unread;
        }
        if (is_stale(t) && is_reading_due(t, clock_ns(CLOCK_MONOTONIC)))
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

static bool read_places(struct target *t)
{
        bool read = true;

        if (pystack_tasks_are_stale(t->py))
                read = pystack_tasks_read(t->py, lock_target, unlock_target, t) == 0;
        if (pystack_greenlets_are_stale(t->py))
                read = pystack_greenlets_read(t->py, lock_target, unlock_target, t) == 0 && read;
        return read;
}

void tasks_refresh_when_due(struct target *t)
{
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);

        if (!is_reading_due(t, begin))
                return;
        bool read = read_places(t);
        uint64_t end = clock_ns(CLOCK_MONOTONIC), pause = (end - begin) * READ_PART;
        t->tasks.pause_ns = read ? 0 : 2 * t->tasks.pause_ns;
        if (t->tasks.pause_ns > PAUSE_MAX_NS)
                t->tasks.pause_ns = PAUSE_MAX_NS;
        if (t->tasks.pause_ns < PAUSE_MIN_NS)
                t->tasks.pause_ns = PAUSE_MIN_NS;
        t->tasks.due_ns = end + (pause > t->tasks.pause_ns ? pause : t->tasks.pause_ns);
}
