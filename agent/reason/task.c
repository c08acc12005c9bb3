/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task of asyncio waits for. Its innermost frames are asyncio's as a rule: the outermost of these says most, as
 * Queue.get() does, which awaits a future by itself. Functions and files are those of CPython (Lib/asyncio, 3.8 to 3.15).
 */
#include "library.h"

#include <string.h>

/* Frames that are looked at. */
#define FRAMES_MAX 8

#define LOCKS "asyncio/locks.py"
#define LOOP "asyncio/selector_events.py"

/* Up to 3.10 a function's name lacks its class: a "wait" of locks.py is that of an event or of a condition. */
static const struct way {
        struct library_code code;
        enum reason_task_kind kind;
        const char *what;
        enum pystack_task_socket socket;
} ways[] = {
        { { ORIGIN_STDLIB, "asyncio/tasks.py", "sleep" }, REASON_TASK_SLEEP, NULL, 0 },
        { { ORIGIN_STDLIB, "asyncio/tasks.py", "_wait" }, REASON_TASK_TASKS, NULL, 0 },
        { { ORIGIN_STDLIB, "asyncio/tasks.py", "wait" }, REASON_TASK_TASKS, NULL, 0 },
        { { ORIGIN_STDLIB, "asyncio/taskgroups.py", "__aexit__" }, REASON_TASK_TASKS, NULL, 0 },
        { { ORIGIN_STDLIB, "asyncio/taskgroups.py", "_aexit" }, REASON_TASK_TASKS, NULL, 0 },
        { { ORIGIN_STDLIB, LOCKS, "Lock.acquire" }, REASON_TASK_LOCK, "lock", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Semaphore.acquire" }, REASON_TASK_LOCK, "semaphore", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Event.wait" }, REASON_TASK_LOCK, "event", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Condition.wait" }, REASON_TASK_LOCK, "condition", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Condition.wait_for" }, REASON_TASK_LOCK, "condition", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Barrier.wait" }, REASON_TASK_LOCK, "barrier", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Barrier._block" }, REASON_TASK_LOCK, "barrier", 0 },
        { { ORIGIN_STDLIB, LOCKS, "Barrier._wait" }, REASON_TASK_LOCK, "barrier", 0 },
        { { ORIGIN_STDLIB, LOCKS, "acquire" }, REASON_TASK_LOCK, "lock", 0 },
        { { ORIGIN_STDLIB, LOCKS, "wait" }, REASON_TASK_LOCK, "event or condition", 0 },
        { { ORIGIN_STDLIB, LOCKS, "wait_for" }, REASON_TASK_LOCK, "condition", 0 },
        { { ORIGIN_STDLIB, LOCKS, "__aenter__" }, REASON_TASK_LOCK, NULL, 0 },
        { { ORIGIN_STDLIB, "asyncio/queues.py", "get" }, REASON_TASK_LOCK, "queue", 0 },
        { { ORIGIN_STDLIB, "asyncio/queues.py", "put" }, REASON_TASK_LOCK, "queue", 0 },
        { { ORIGIN_STDLIB, "asyncio/queues.py", "join" }, REASON_TASK_LOCK, "queue", 0 },
        { { ORIGIN_STDLIB, "asyncio/streams.py", "_wait_for_data" },
          REASON_TASK_SOCKET,
          NULL,
          PYSTACK_SOCKET_TRANSPORT },
        { { ORIGIN_STDLIB, LOOP, "sock_recv" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, LOOP, "sock_recv_into" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, LOOP, "sock_recvfrom" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, LOOP, "sock_sendall" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, LOOP, "sock_connect" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, LOOP, "sock_accept" }, REASON_TASK_SOCKET, NULL, PYSTACK_SOCKET_ARGUMENT },
        { { ORIGIN_STDLIB, "asyncio/base_subprocess.py", "_wait" }, REASON_TASK_CHILD, NULL, 0 },
};

static const struct way *look_up_way_of_task(const struct reason_frame *frame)
{
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
                if (library_is_code(frame, &ways[i].code))
                        return &ways[i];
        return NULL;
}

/* A future of gather() has a class of its own. */
static enum reason_task_kind kind_of_awaited(const struct pystack_task *task)
{
        if (task->awaits == PYSTACK_AWAITS_TASK)
                return REASON_TASK_TASK;
        if (task->awaits == PYSTACK_AWAITS_FUTURE)
                return strcmp(task->what, "_GatheringFuture") == 0 ? REASON_TASK_TASKS : REASON_TASK_FUTURE;
        return task->awaits == PYSTACK_AWAITS_NOTHING ? REASON_TASK_READY : REASON_TASK_UNKNOWN;
}

struct reason_task reason_task_of(const struct pystack_task *task, const struct reason_stack *stack)
{
        struct reason_task ret = { .kind = kind_of_awaited(task) };

        if (task->state != PYSTACK_TASK_SUSPENDED) {
                ret.kind = task->state == PYSTACK_TASK_NEW ? REASON_TASK_NEW : REASON_TASK_RUNNING;
                return ret;
        }
        if (ret.kind != REASON_TASK_FUTURE || task->truncated)
                return ret;
        for (size_t i = 0; i < stack->n && i < FRAMES_MAX; i++) {
                const struct reason_frame frame = stack->frame(stack->ctx, i);
                const struct way *way = look_up_way_of_task(&frame);
                if (!way)
                        break;
                ret.frame = way->kind == REASON_TASK_SOCKET && ret.kind == REASON_TASK_SOCKET ? ret.frame : i;
                ret.kind = way->kind;
                ret.what = way->what ? way->what : ret.what;
                ret.socket = way->socket;
        }
        if (ret.kind == REASON_TASK_LOCK && !ret.what)
                ret.what = "lock";
        return ret;
}

const char *reason_task_word(enum reason_task_kind kind)
{
        static const char *const words[REASON_TASK_KINDS] = {
                [REASON_TASK_FUTURE] = "future",   [REASON_TASK_SLEEP] = "sleep",     [REASON_TASK_LOCK] = "lock",
                [REASON_TASK_SOCKET] = "socket",   [REASON_TASK_CHILD] = "child",     [REASON_TASK_TASKS] = "tasks",
                [REASON_TASK_TASK] = "task",       [REASON_TASK_READY] = "ready",     [REASON_TASK_NEW] = "new",
                [REASON_TASK_RUNNING] = "running", [REASON_TASK_UNKNOWN] = "unknown",
        };

        return words[kind < REASON_TASK_KINDS ? kind : REASON_TASK_UNKNOWN];
}
