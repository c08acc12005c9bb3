/* SPDX-License-Identifier: Apache-2.0 */
/* A list of tasks, found by address, and why each does not run. */
#include "task_views.h"

#include <stdio.h>
#include <stdlib.h>

struct task_view *task_views_append(struct task_views *views)
{
        if (views->n == views->cap) {
                size_t cap = views->cap ? 2 * views->cap : 64;
                struct task_view *items = realloc(views->items, cap * sizeof *items);
                if (!items)
                        return NULL;
                views->items = items;
                views->cap = cap;
        }
        struct task_view *v = &views->items[views->n];
        *v = (struct task_view){ .parent = -1, .first_child = -1, .last_child = -1, .next = -1 };
        return v;
}

struct task_view *task_views_get(const struct task_views *views, uint64_t address)
{
        struct task_view *found;

        HASH_FIND(hh, views->by_address, &address, sizeof address, found);
        return found;
}

static void add_awaiter_of_view(struct task_view *v, uint64_t awaiter)
{
        struct pystack_task *task = &v->task;

        for (size_t i = 0; i < task->n_awaiters; i++)
                if (task->awaiters[i] == awaiter)
                        return;
        if (task->n_awaiters < PYSTACK_AWAITERS_MAX)
                task->awaiters[task->n_awaiters++] = awaiter;
        else
                task->more_awaiters = true;
}

/* Up to 3.13 a task does not know all that await it, but each of these knows what it awaits. */
static void complete_awaiters(struct task_views *views)
{
        for (size_t i = 0; i < views->n; i++) {
                const struct task_view *v = &views->items[i];
                struct task_view *awaited = v->task.awaits == PYSTACK_AWAITS_TASK
                                                    ? task_views_get(views, v->task.awaited)
                                                    : NULL;
                if (awaited)
                        add_awaiter_of_view(awaited, v->task.address);
        }
}

void task_views_index(struct task_views *views)
{
        for (size_t i = 0; i < views->n; i++) {
                struct task_view *v = &views->items[i];
                HASH_ADD(hh, views->by_address, task.address, sizeof v->task.address, v);
        }
        complete_awaiters(views);
}

void task_reason_text(const struct task_views *views, const struct task_view *v, char *ret, size_t size)
{
        const struct task_view *awaited = task_views_get(views, v->task.awaited);
        char text[REASON_SIZE];

        switch (v->reason.kind) {
        case REASON_TASK_SLEEP:
                if (v->has_sleep)
                        snprintf(ret, size, "sleeps, %.1f s of %.1f s left", v->sleep_left, v->sleep_whole);
                else
                        snprintf(ret, size, "sleeps");
                return;
        case REASON_TASK_SOCKET:
                reason_words(&(struct nsutil_wait){ .kind = NSUTIL_WAIT_IO, .thing = NSUTIL_THING_SOCKET },
                             v->has_descriptor ? &v->descriptor : NULL, REASON_ALL, text, sizeof text);
                snprintf(ret, size, "waits: %s", text);
                return;
        case REASON_TASK_TASK:
                snprintf(ret, size, awaited ? "waits: task \"%s\"" : "waits: task", awaited ? awaited->name : "");
                return;
        case REASON_TASK_READY:
        case REASON_TASK_RUNNING:
        case REASON_TASK_UNKNOWN:
                snprintf(ret, size, "%s", reason_task_word(v->reason.kind));
                return;
        case REASON_TASK_NEW:
                snprintf(ret, size, "has not begun");
                return;
        default:
                snprintf(ret, size, "waits: %s", v->reason.what ? v->reason.what : reason_task_word(v->reason.kind));
        }
}

void task_views_free(struct task_views *views)
{
        HASH_CLEAR(hh, views->by_address);
        for (size_t i = 0; i < views->n; i++) {
                free(views->items[i].name);
                free(views->items[i].what);
        }
        free(views->items);
}
