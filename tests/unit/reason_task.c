/* SPDX-License-Identifier: Apache-2.0 */
/* What the stacks of tasks of asyncio say of what the tasks wait for. Leaf first. */
#include "agent/reason/reason.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(reason_task);

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define LIB "/usr/lib/python3.13/asyncio/"
#define OLD "/usr/lib/python3.9/asyncio/"
#define FRAMES_MAX 6

static const struct {
        const char *name;
        enum pystack_task_state state;
        enum pystack_task_awaits awaits;
        const char *type;
        struct reason_frame frames[FRAMES_MAX];
        enum reason_task_kind kind;
        const char *what;
        size_t frame;
} cases[] = {
        { "a sleep",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "sleep", LIB "tasks.py" }, { "f", "/app/x.py" } },
          REASON_TASK_SLEEP,
          NULL,
          0 },
        { "a sleep of one's own",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "sleep", "/app/asyncio/tasks.py" } },
          REASON_TASK_FUTURE,
          NULL,
          0 },
        { "a lock",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "Lock.acquire", LIB "locks.py" }, { "_ContextManagerMixin.__aenter__", LIB "locks.py" } },
          REASON_TASK_LOCK,
          "lock",
          1 },
        { "a semaphore is no lock",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "Semaphore.acquire", LIB "locks.py" } },
          REASON_TASK_LOCK,
          "semaphore",
          0 },
        { "a barrier waits by a condition",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "Condition.wait", LIB "locks.py" },
            { "Condition.wait_for", LIB "locks.py" },
            { "Barrier._wait", LIB "locks.py" },
            { "Barrier.wait", LIB "locks.py" } },
          REASON_TASK_LOCK,
          "barrier",
          3 },
        { "up to 3.10 a wait has no class",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "wait", OLD "locks.py" } },
          REASON_TASK_LOCK,
          "event or condition",
          0 },
        { "a queue",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "Queue.get", LIB "queues.py" }, { "f", "/app/x.py" } },
          REASON_TASK_LOCK,
          "queue",
          0 },
        { "a stream",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "StreamReader._wait_for_data", LIB "streams.py" }, { "StreamReader.read", LIB "streams.py" } },
          REASON_TASK_SOCKET,
          NULL,
          0 },
        { "a group of tasks",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "Future",
          { { "TaskGroup._aexit", LIB "taskgroups.py" }, { "TaskGroup.__aexit__", LIB "taskgroups.py" } },
          REASON_TASK_TASKS,
          NULL,
          1 },
        { "gather()",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_FUTURE,
          "_GatheringFuture",
          { { "f", "/app/x.py" } },
          REASON_TASK_TASKS,
          NULL,
          0 },
        { "another task",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_TASK,
          "Task",
          { { "f", "/app/x.py" } },
          REASON_TASK_TASK,
          NULL,
          0 },
        { "nothing",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_NOTHING,
          "",
          { { "sleep", LIB "tasks.py" } },
          REASON_TASK_READY,
          NULL,
          0 },
        { "an awaitable of C",
          PYSTACK_TASK_SUSPENDED,
          PYSTACK_AWAITS_OTHER,
          "thing",
          { { "f", "/app/x.py" } },
          REASON_TASK_UNKNOWN,
          NULL,
          0 },
        { "its first turn",
          PYSTACK_TASK_NEW,
          PYSTACK_AWAITS_NOTHING,
          "",
          { { "sleep", LIB "tasks.py" } },
          REASON_TASK_NEW,
          NULL,
          0 },
        { "running",
          PYSTACK_TASK_RUNS,
          PYSTACK_AWAITS_NOTHING,
          "",
          { { "f", "/app/x.py" } },
          REASON_TASK_RUNNING,
          NULL,
          0 },
};

static struct reason_frame get_frame(void *ctx, size_t i)
{
        const struct reason_frame *frames = ctx;

        return frames[i];
}

Test(reason_task, stacks_tell)
{
        for (size_t i = 0; i < COUNT(cases); i++) {
                size_t n = 0;
                while (n < FRAMES_MAX && cases[i].frames[n].function)
                        n++;
                const struct pystack_task task = {
                        .state = cases[i].state, .awaits = cases[i].awaits, .what = cases[i].type, .n = n
                };
                const struct reason_stack stack = { n, get_frame, (void *)(uintptr_t)cases[i].frames };
                const struct reason_task found = reason_task_of(&task, &stack);
                cr_expect_eq(found.kind, cases[i].kind, "%s: %s", cases[i].name, reason_task_word(found.kind));
                cr_expect_eq(found.frame, cases[i].frame, "%s: frame %zu", cases[i].name, found.frame);
                cr_expect((!found.what && !cases[i].what) ||
                                  (found.what && cases[i].what && strcmp(found.what, cases[i].what) == 0),
                          "%s: %s", cases[i].name, found.what);
        }
}

Test(reason_task, stacks_that_are_cut_do_not)
{
        struct reason_frame frames[] = { { "sleep", LIB "tasks.py" } };
        const struct pystack_task task = { .state = PYSTACK_TASK_SUSPENDED,
                                           .awaits = PYSTACK_AWAITS_FUTURE,
                                           .what = "Future",
                                           .n = 1,
                                           .truncated = true };

        cr_expect_eq(reason_task_of(&task, &(struct reason_stack){ 1, get_frame, frames }).kind, REASON_TASK_FUTURE);
}
