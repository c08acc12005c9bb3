/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stack of a waiting thread says of the wait.
 *
 * The leaf frames of most waits are the standard library's: queue.get() calls Condition.wait(). The first frame that is
 * none of these is the waiter. The outermost of these frames says what the lock is. The waiter says whether the
 * thread waits for work: it is the loop of a known server or pool, or the thread's own main function, which takes from
 * a queue.
 *
 * Functions and files are CPython's (Lib/, 2.7 to 3.15), or those of the package named.
 */
#include "library.h"

#include <string.h>

/* ---- the library's ways to wait ------------------------------------------------------------ */

#define THREADING "threading.py"

/* @calls: the function of the same table that it has called; NULL: any, or none. */
static const struct way {
        struct library_code code;
        const char *calls;
        const char *lock; /* what its caller waits for; NULL: what it calls says more */
        bool takes_work;  /* called by a thread's main function, it waits for work */
} ways[] = {
        { { ORIGIN_STDLIB, THREADING, "wait" }, "wait", "event", false },
        { { ORIGIN_STDLIB, THREADING, "wait" }, "_wait", "barrier", false },
        { { ORIGIN_STDLIB, THREADING, "wait" }, NULL, "condition", false },
        { { ORIGIN_STDLIB, THREADING, "wait_for" }, NULL, "condition", false },
        { { ORIGIN_STDLIB, THREADING, "_wait" }, NULL, "barrier", false },
        { { ORIGIN_STDLIB, THREADING, "acquire" }, NULL, "semaphore", false },
        { { ORIGIN_STDLIB, THREADING, "_wait_for_tstate_lock" }, NULL, "thread", false },
        { { ORIGIN_STDLIB, THREADING, "join" }, NULL, "thread", false },
        { { ORIGIN_STDLIB, THREADING, "_shutdown" }, NULL, "thread", false },
        { { ORIGIN_STDLIB, "queue.py", "get" }, NULL, "queue", true },
        { { ORIGIN_STDLIB, "queue.py", "put" }, NULL, "queue", false },
        { { ORIGIN_STDLIB, "queue.py", "join" }, NULL, "queue", false },
        { { ORIGIN_STDLIB, "Queue.py", "get" }, NULL, "queue", true },
        { { ORIGIN_STDLIB, "Queue.py", "put" }, NULL, "queue", false },
        { { ORIGIN_STDLIB, "Queue.py", "join" }, NULL, "queue", false },
        { { ORIGIN_STDLIB, "concurrent/futures/_base.py", "result" }, NULL, "future", false },
        { { ORIGIN_STDLIB, "concurrent/futures/_base.py", "exception" }, NULL, "future", false },
        { { ORIGIN_STDLIB, "concurrent/futures/_base.py", "wait" }, NULL, "future", false },
        { { ORIGIN_STDLIB, "multiprocessing/queues.py", "get" }, NULL, "queue", true },
        { { ORIGIN_STDLIB, "multiprocessing/queues.py", "put" }, NULL, "queue", false },
        { { ORIGIN_STDLIB, "multiprocessing/synchronize.py", "wait" }, NULL, "condition", false },
        { { ORIGIN_STDLIB, "multiprocessing/synchronize.py", "__enter__" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "multiprocessing/connection.py", "recv" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "multiprocessing/connection.py", "recv_bytes" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "multiprocessing/connection.py", "_recv_bytes" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "multiprocessing/connection.py", "_recv" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "multiprocessing/connection.py", "wait" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "selectors.py", "select" }, NULL, NULL, false },
        { { ORIGIN_STDLIB, "socket.py", "readinto" }, NULL, NULL, false },
};

static const struct way *look_up_way(const struct reason_frame *frame, const struct way *inner)
{
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
                const char *calls = ways[i].calls;

                if (calls && (!inner || strcmp(inner->code.function, calls) != 0))
                        continue;
                if (library_is_code(frame, &ways[i].code))
                        return &ways[i];
        }
        return NULL;
}

/* ---- who waits for work --------------------------------------------------------------------- */

/* The loops of servers and pools. A thread that waits in them, and in nothing that they call, waits for work. */
static const struct library_code loops[] = {
        { ORIGIN_STDLIB, "asyncio/base_events.py", "_run_once" },
        { ORIGIN_STDLIB, "concurrent/futures/process.py", "_process_worker" },
        { ORIGIN_STDLIB, "concurrent/futures/process.py", "wait_result_broken_or_wakeup" },
        { ORIGIN_STDLIB, "concurrent/futures/process.py", "_queue_management_worker" },
        { ORIGIN_STDLIB, "concurrent/futures/thread.py", "_worker" },
        { ORIGIN_STDLIB, "http/server.py", "handle_one_request" },
        { ORIGIN_STDLIB, "logging/handlers.py", "dequeue" },
        { ORIGIN_STDLIB, "multiprocessing/forkserver.py", "main" },
        { ORIGIN_STDLIB, "multiprocessing/managers.py", "serve_forever" },
        { ORIGIN_STDLIB, "multiprocessing/pool.py", "_handle_results" },
        { ORIGIN_STDLIB, "multiprocessing/pool.py", "_handle_tasks" },
        { ORIGIN_STDLIB, "multiprocessing/pool.py", "_handle_workers" },
        { ORIGIN_STDLIB, "multiprocessing/pool.py", "_wait_for_updates" },
        { ORIGIN_STDLIB, "multiprocessing/pool.py", "worker" },
        { ORIGIN_STDLIB, "multiprocessing/queues.py", "_feed" },
        { ORIGIN_STDLIB, "multiprocessing/resource_tracker.py", "main" },
        { ORIGIN_STDLIB, "sched.py", "run" },
        { ORIGIN_STDLIB, "socketserver.py", "serve_forever" },
        { ORIGIN_STDLIB, "SocketServer.py", "serve_forever" },
        { ORIGIN_PACKAGE, "apscheduler/schedulers/blocking.py", "_main_loop" },
        { ORIGIN_PACKAGE, "billiard/pool.py", "workloop" },
        { ORIGIN_PACKAGE, "cheroot/workers/threadpool.py", "run" },
        { ORIGIN_PACKAGE, "dramatiq/worker.py", "run" },
        { ORIGIN_PACKAGE, "eventlet/hubs/hub.py", "wait" },
        { ORIGIN_PACKAGE, "eventlet/hubs/poll.py", "wait" },
        { ORIGIN_PACKAGE, "gevent/hub.py", "run" },
        { ORIGIN_PACKAGE, "grpc/_channel.py", "channel_spin" },
        { ORIGIN_PACKAGE, "grpc/_server.py", "_serve" },
        { ORIGIN_PACKAGE, "gunicorn/arbiter.py", "sleep" },
        { ORIGIN_PACKAGE, "gunicorn/workers/gthread.py", "run" },
        { ORIGIN_PACKAGE, "gunicorn/workers/sync.py", "wait" },
        { ORIGIN_PACKAGE, "kombu/asynchronous/hub.py", "create_loop" },
        { ORIGIN_PACKAGE, "twisted/internet/epollreactor.py", "doPoll" },
        { ORIGIN_PACKAGE, "waitress/task.py", "handler_thread" },
        { ORIGIN_PACKAGE, "waitress/wasyncore.py", "poll" },
};

/* A thread's beginning: what it calls is the thread's main function. */
static const struct library_code beginnings[] = {
        { ORIGIN_STDLIB, THREADING, "run" },
        { ORIGIN_STDLIB, THREADING, "_bootstrap_inner" },
        { ORIGIN_STDLIB, THREADING, "__bootstrap_inner" },
};

static bool is_any_of(const struct reason_frame *frame, const struct library_code *codes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (library_is_code(frame, &codes[i]))
                        return true;
        return false;
}

/* What servers and pools wait with. A loop that waits for a page of its memory, or for a CPU, has work. */
static bool may_be_for_work(const struct reason *reason)
{
        return reason->kind == REASON_LOCK || reason->kind == REASON_IO || reason->kind == REASON_SLEEP;
}

/* Goes through the library's ways to wait, from the leaf on. Returns the index of the waiter. @ret: the outermost way. */
static size_t locate_waiter(const struct reason_stack *stack, size_t n, const struct way **ret, const char **ret_lock)
{
        size_t i = 0;

        for (; i < n; i++) {
                const struct reason_frame frame = stack->frame(stack->ctx, i);
                const struct way *way = look_up_way(&frame, *ret);

                if (!way)
                        break;
                *ret = way;
                *ret_lock = way->lock ? way->lock : *ret_lock;
        }
        return i;
}

static bool waits_for_work(const struct reason_stack *stack, size_t n, size_t waiter, const struct way *way)
{
        if (waiter >= n)
                return false;
        struct reason_frame frame = stack->frame(stack->ctx, waiter);
        if (is_any_of(&frame, loops, sizeof loops / sizeof *loops))
                return true;
        if (!way || !way->takes_work || waiter + 1 >= n)
                return false;
        frame = stack->frame(stack->ctx, waiter + 1);
        return is_any_of(&frame, beginnings, sizeof beginnings / sizeof *beginnings);
}

struct reason_place reason_place_of(const struct reason *reason, const struct reason_stack *stack)
{
        size_t n = stack->n < REASON_PLACE_FRAMES ? stack->n : REASON_PLACE_FRAMES;
        const struct way *way = NULL;
        struct reason_place place = { .lock = NULL };

        if (!may_be_for_work(reason))
                return place;
        size_t waiter = locate_waiter(stack, n, &way, &place.lock);
        place.for_work = (reason->kind == REASON_IO && reason->wait.act == NSUTIL_ACT_ACCEPT) ||
                         waits_for_work(stack, n, waiter, way);
        return place;
}
