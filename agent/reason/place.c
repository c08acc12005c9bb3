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
#include "reason.h"

#include <ctype.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------------ */

/* Where a file lies: in a folder called "python3.11" or the like, or in a folder of packages. */
enum origin { STDLIB, PACKAGE };

static bool is_stdlib_folder(const char *end, size_t before)
{
        const char *from = end;

        while (before > 0 && from[-1] != '/') {
                from--;
                before--;
        }
        return strncmp(from, "python", 6) == 0 && isdigit((unsigned char)from[6]);
}

static bool ends_with(const char *text, size_t len, const char *end)
{
        size_t n = strlen(end);

        return len >= n && memcmp(text + len - n, end, n) == 0;
}

/* Whether @path is @file, as "concurrent/futures/thread.py", of @origin. */
static bool is_file(const char *path, enum origin origin, const char *file)
{
        size_t len = strlen(path), n = strlen(file);

        if (!ends_with(path, len, file) || len == n || path[len - n - 1] != '/')
                return false;
        len -= n + 1;
        if (origin == STDLIB)
                return is_stdlib_folder(path + len, len);
        return ends_with(path, len, "/site-packages") || ends_with(path, len, "/dist-packages");
}

/* "Condition.wait" from 3.11 on, "wait" before. */
static bool is_function(const char *name, const char *wanted)
{
        const char *dot = strrchr(name, '.');

        return strcmp(dot ? dot + 1 : name, wanted) == 0;
}

struct code {
        enum origin origin;
        const char *file, *function;
};

static bool is_code(const struct reason_frame *frame, const struct code *code)
{
        return is_function(frame->function, code->function) && is_file(frame->file, code->origin, code->file);
}

/* ---- the library's ways to wait ------------------------------------------------------------ */

#define THREADING "threading.py"

/* @calls: the function of the same table that it has called; NULL: any, or none. */
static const struct way {
        struct code code;
        const char *calls;
        const char *lock; /* what its caller waits for; NULL: what it calls says more */
        bool takes_work;  /* called by a thread's main function, it waits for work */
} ways[] = {
        { { STDLIB, THREADING, "wait" }, "wait", "event", false },
        { { STDLIB, THREADING, "wait" }, "_wait", "barrier", false },
        { { STDLIB, THREADING, "wait" }, NULL, "condition", false },
        { { STDLIB, THREADING, "wait_for" }, NULL, "condition", false },
        { { STDLIB, THREADING, "_wait" }, NULL, "barrier", false },
        { { STDLIB, THREADING, "acquire" }, NULL, "semaphore", false },
        { { STDLIB, THREADING, "_wait_for_tstate_lock" }, NULL, "thread", false },
        { { STDLIB, THREADING, "join" }, NULL, "thread", false },
        { { STDLIB, THREADING, "_shutdown" }, NULL, "thread", false },
        { { STDLIB, "queue.py", "get" }, NULL, "queue", true },
        { { STDLIB, "queue.py", "put" }, NULL, "queue", false },
        { { STDLIB, "queue.py", "join" }, NULL, "queue", false },
        { { STDLIB, "Queue.py", "get" }, NULL, "queue", true },
        { { STDLIB, "Queue.py", "put" }, NULL, "queue", false },
        { { STDLIB, "Queue.py", "join" }, NULL, "queue", false },
        { { STDLIB, "concurrent/futures/_base.py", "result" }, NULL, "future", false },
        { { STDLIB, "concurrent/futures/_base.py", "exception" }, NULL, "future", false },
        { { STDLIB, "concurrent/futures/_base.py", "wait" }, NULL, "future", false },
        { { STDLIB, "multiprocessing/queues.py", "get" }, NULL, "queue", true },
        { { STDLIB, "multiprocessing/queues.py", "put" }, NULL, "queue", false },
        { { STDLIB, "multiprocessing/synchronize.py", "wait" }, NULL, "condition", false },
        { { STDLIB, "multiprocessing/synchronize.py", "__enter__" }, NULL, NULL, false },
        { { STDLIB, "multiprocessing/connection.py", "recv" }, NULL, NULL, false },
        { { STDLIB, "multiprocessing/connection.py", "recv_bytes" }, NULL, NULL, false },
        { { STDLIB, "multiprocessing/connection.py", "_recv_bytes" }, NULL, NULL, false },
        { { STDLIB, "multiprocessing/connection.py", "_recv" }, NULL, NULL, false },
        { { STDLIB, "multiprocessing/connection.py", "wait" }, NULL, NULL, false },
        { { STDLIB, "selectors.py", "select" }, NULL, NULL, false },
        { { STDLIB, "socket.py", "readinto" }, NULL, NULL, false },
};

static const struct way *look_up_way(const struct reason_frame *frame, const struct way *inner)
{
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
                const char *calls = ways[i].calls;

                if (calls && (!inner || strcmp(inner->code.function, calls) != 0))
                        continue;
                if (is_code(frame, &ways[i].code))
                        return &ways[i];
        }
        return NULL;
}

/* ---- who waits for work --------------------------------------------------------------------- */

/* The loops of servers and pools. A thread that waits in them, and in nothing that they call, waits for work. */
static const struct code loops[] = {
        { STDLIB, "asyncio/base_events.py", "_run_once" },
        { STDLIB, "concurrent/futures/process.py", "_process_worker" },
        { STDLIB, "concurrent/futures/process.py", "wait_result_broken_or_wakeup" },
        { STDLIB, "concurrent/futures/process.py", "_queue_management_worker" },
        { STDLIB, "concurrent/futures/thread.py", "_worker" },
        { STDLIB, "http/server.py", "handle_one_request" },
        { STDLIB, "logging/handlers.py", "dequeue" },
        { STDLIB, "multiprocessing/forkserver.py", "main" },
        { STDLIB, "multiprocessing/managers.py", "serve_forever" },
        { STDLIB, "multiprocessing/pool.py", "_handle_results" },
        { STDLIB, "multiprocessing/pool.py", "_handle_tasks" },
        { STDLIB, "multiprocessing/pool.py", "_handle_workers" },
        { STDLIB, "multiprocessing/pool.py", "_wait_for_updates" },
        { STDLIB, "multiprocessing/pool.py", "worker" },
        { STDLIB, "multiprocessing/queues.py", "_feed" },
        { STDLIB, "multiprocessing/resource_tracker.py", "main" },
        { STDLIB, "sched.py", "run" },
        { STDLIB, "socketserver.py", "serve_forever" },
        { STDLIB, "SocketServer.py", "serve_forever" },
        { PACKAGE, "apscheduler/schedulers/blocking.py", "_main_loop" },
        { PACKAGE, "billiard/pool.py", "workloop" },
        { PACKAGE, "cheroot/workers/threadpool.py", "run" },
        { PACKAGE, "dramatiq/worker.py", "run" },
        { PACKAGE, "eventlet/hubs/hub.py", "wait" },
        { PACKAGE, "eventlet/hubs/poll.py", "wait" },
        { PACKAGE, "gevent/hub.py", "run" },
        { PACKAGE, "grpc/_channel.py", "channel_spin" },
        { PACKAGE, "grpc/_server.py", "_serve" },
        { PACKAGE, "gunicorn/arbiter.py", "sleep" },
        { PACKAGE, "gunicorn/workers/gthread.py", "run" },
        { PACKAGE, "gunicorn/workers/sync.py", "wait" },
        { PACKAGE, "kombu/asynchronous/hub.py", "create_loop" },
        { PACKAGE, "twisted/internet/epollreactor.py", "doPoll" },
        { PACKAGE, "waitress/task.py", "handler_thread" },
        { PACKAGE, "waitress/wasyncore.py", "poll" },
};

/* A thread's beginning: what it calls is the thread's main function. */
static const struct code beginnings[] = {
        { STDLIB, THREADING, "run" },
        { STDLIB, THREADING, "_bootstrap_inner" },
        { STDLIB, THREADING, "__bootstrap_inner" },
};

static bool is_any_of(const struct reason_frame *frame, const struct code *codes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (is_code(frame, &codes[i]))
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
