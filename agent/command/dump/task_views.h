/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_TASK_VIEWS_H
#define DUMP_TASK_VIEWS_H

/* The tasks of asyncio of a process as they were read, before they are printed. */

#include "agent/reason/reason.h"
#include "subject.h"

#include <uthash.h>

/* What is known of one task. */
struct task_view {
        struct pystack_task task; /* its name and frames are not valid any more */
        char *name;               /* allocated, escaped */
        char *what;               /* likewise: the type of what it awaits */
        struct reason_task reason;
        bool has_sleep;
        double sleep_left, sleep_whole; /* seconds */
        bool has_descriptor;
        struct nsutil_wait_detail descriptor;
        struct json_object *json; /* NULL: text */
        size_t begin, end;        /* of its stack in the subject's stacks */

        /* The tree: who awaits whom. Indices, -1: none. */
        int32_t parent, first_child, last_child, next;
        bool printed;
        UT_hash_handle hh; /* by address */
};

struct task_views {
        struct subject *subject;
        struct task_view *items;
        size_t n, cap;
        struct task_view *by_address;
        int error;
};

/* A new view at the end of @views, which is in the list once views->n counts it. Valid until the next one. NULL: no memory. */
struct task_view *task_views_append(struct task_views *views);

/* Makes the list ready for task_views_get(), and lets each task know all that await it. No task may be appended after it. */
void task_views_index(struct task_views *views);

/* The task at @address. NULL: none. */
struct task_view *task_views_get(const struct task_views *views, uint64_t address);

/* The reason in words: "waits: task \"fetch\"", "sleeps, 1.2 s of 5.0 s left". */
void task_reason_text(const struct task_views *views, const struct task_view *view, char *ret, size_t size);

void task_views_free(struct task_views *views);

#endif
