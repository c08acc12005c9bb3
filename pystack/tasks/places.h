/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_PLACES_H
#define PYSTACK_TASK_PLACES_H

/* Where a process has its tasks: the offsets of the C module _asyncio, and that module in each interpreter. */

#include "pystack/internal.h"
#include "pystack/threads/registry.h"

/* A Task of more bytes than this is none. */
#define TASK_SIZE_MAX 512

/*
 * struct TaskObj of Modules/_asynciomodule.c. Its fut_waiter stands before task_coro, and task_name behind it, in all
 * versions. 3.14 and later publish the rest in the section .AsyncioDebug. All are LAYOUT_NONE where there is none.
 */
struct task_offsets {
        uint32_t size;     /* of a Task: tp_basicsize */
        uint32_t coro;     /* task_coro */
        uint32_t name;     /* task_name: a str; from 3.12 on also an int, the number in "Task-1" */
        uint32_t waiter;   /* fut_waiter: the future that it awaits */
        uint32_t callback; /* fut_callback0: what is called first when it is done */
        uint32_t wakeup;   /* in such a callback: the task that it wakes, up to 3.13 */
        /* From 3.14 on: */
        uint32_t awaited_by, is_task, awaited_by_is_set, node;
        uint32_t interp_tasks;                 /* in the interpreter: the list of tasks whose thread has ended */
        uint32_t running, running_loop, tasks; /* in the thread state: the running task, its loop, the list of tasks */
};

/* Interpreters of a process whose tasks are read. */
#define TASK_INTERPRETERS_MAX 8

/* Where the module of an interpreter has what. */
struct task_module {
        uint64_t interp;
        uint64_t task_type;   /* _asyncio.Task */
        uint64_t future_type; /* _asyncio.Future */
        uint64_t current;     /* _current_tasks, up to 3.13: a dict from loops to tasks; 0: none */
        uint64_t all;         /* _all_tasks, up to 3.11, or _scheduled_tasks: a WeakSet */
        uint64_t eager;       /* _eager_tasks, 3.12 on: a set */
        struct registry_types types;
};

struct task_places {
        struct task_offsets offsets;
        size_t n;
        struct task_module modules[TASK_INTERPRETERS_MAX];
};

/* Finds them. Errors as of pystack_tasks_read(). It takes no more than 20 ms of CPU time (PYSTACK_E_COSTLY). */
int task_places_find(const struct pystack *py, struct task_places *ret);

/*
 * Makes offsets of the @len bytes of .AsyncioDebug. PYSTACK_E_CORRUPT if they cannot be those of a Task of @size bytes
 * whose head has @head bytes.
 */
int task_offsets_parse(const void *table, size_t len, uint64_t size, uint32_t head, struct task_offsets *ret);

/* The offsets of a version that publishes none. PYSTACK_E_UNSUPPORTED if it has Tasks of another size than is known. */
int task_offsets_find(uint16_t version, uint64_t size, uint32_t head, struct task_offsets *ret);

#endif
