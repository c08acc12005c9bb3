/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TASKS_FORGE_H
#define TESTS_TASKS_FORGE_H

/* Forged Tasks of asyncio with their coroutines, of each version that has them. */

#include "pystack/tasks/state.h"
#include "tests/unit/pystack_threading.h"

/* Where a forged thread state of 3.14 and later has its running task and its list of tasks, and the interpreter its list. */
#define TASKS_RUNNING 424
#define TASKS_LIST 432
#define TASKS_OF_INTERP 10880

/* An address at which forged coroutines begin that never end: each awaits the one behind it. */
#define ENDLESS 0x600000000000ull
#define ENDLESS_APART 512

struct task_forge {
        struct threading threading;
        struct forge *forge; /* that one's */
        const struct layout *layout;
        struct pystack *py;
        struct task_places *places;
        struct task_reader *reader;
        struct {
                uint64_t coroutine, generator, async_generator, step, waiting, task, future, other;
        } types;
        uint64_t code;                  /* of all coroutines that are told no other */
        uint8_t endless[ENDLESS_APART]; /* a coroutine; what it awaits is 0 */
        uint32_t endless_awaits;        /* where it says what it awaits */
        uint64_t endless_of;            /* the coroutines that there are */
        size_t bytes_read;
};

/* Versions whose tasks are forged. */
#define EACH_TASK_VERSION(v) \
        EACH_VERSION(v)      \
        if (v->version >= 0x03080000)

/* A process that has no tasks yet, read by a reader that has begun. */
void task_forge_init(struct task_forge *t, const char *version);
void task_forge_deinit(struct task_forge *t);

/* Begins to read anew. */
void task_forge_begin(struct task_forge *t);

enum forged_state { FORGED_NEW, FORGED_SUSPENDED, FORGED_RUNS, FORGED_DONE };

/* A coroutine, or what else has a frame, of the code object @code that awaits the object at @awaited. */
uint64_t task_forge_coroutine(struct task_forge *t, uint64_t type, uint64_t code, enum forged_state state,
                              uint64_t awaited);
/* Changes what it awaits, and its code object. */
void task_forge_await(struct task_forge *t, uint64_t coroutine, uint64_t awaited);
void task_forge_recode(struct task_forge *t, uint64_t coroutine, uint64_t code);
/* The address of its frame. */
uint64_t task_forge_frame(struct task_forge *t, uint64_t coroutine);

/* An awaitable, or a future's iterator, whose first field is @inside. */
uint64_t task_forge_step(struct task_forge *t, uint64_t type, uint64_t inside);

/* A Task of that coroutine and that name, an object. */
uint64_t task_forge_task(struct task_forge *t, uint64_t coroutine, uint64_t name);
uint64_t task_forge_future(struct task_forge *t);

/* Makes @task say that @awaiter awaits it, in the way of the version. */
void task_forge_awaiter(struct task_forge *t, uint64_t task, uint64_t awaiter);

/* A set with these keys, as one behind another. */
uint64_t task_forge_set(struct task_forge *t, const uint64_t *keys, size_t n);

#endif
