/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_TASKS_H
#define DUMP_TASKS_H

/* The tasks of asyncio of a process, as dump prints them. */

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

/*
 * Reads all tasks of @subject, and writes them to its @out, or adds them to its @json. 0, or an error of pystack or a
 * negative errno: then the threads stand alone.
 */
int dump_tasks(struct subject *subject);

/*
 * The same for the greenlets that do not run. Nothing is written if the module greenlet was never imported. See
 * greenlets.c.
 */
int dump_greenlets(struct subject *subject);

/* Prints a frame and its line. */
void task_frame_print(struct pystack *py, const struct pystack_frame *frame, FILE *out);

/* Writes the tasks as a tree, those that nobody awaits first. Cycles are marked. See task_tree.c. */
void task_tree_write(struct task_views *views);

/* The reason in words: "waits: task \"fetch\"", "sleeps, 1.2 s of 5.0 s left". */
void task_reason_text(const struct task_views *views, const struct task_view *view, char *ret, size_t size);

/* The task at @address. NULL: none. */
struct task_view *task_views_get(const struct task_views *views, uint64_t address);

#endif
