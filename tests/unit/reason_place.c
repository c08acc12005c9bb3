/* SPDX-License-Identifier: Apache-2.0 */
/* What stacks say of waits. The stacks are those of CPython's library and of servers, leaf first. */
#include "agent/reason/reason.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(reason_place);

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define LIB "/usr/lib/python3.11/"
#define PACKAGES "/venv/lib/python3.11/site-packages/"
#define BOOTSTRAP                                          \
        { "Thread._bootstrap_inner", LIB "threading.py" }, \
        {                                                  \
                "Thread._bootstrap", LIB "threading.py"    \
        }
#define RUN { "Thread.run", LIB "threading.py" }, BOOTSTRAP
#define FRAMES_MAX 12

static const struct {
        const char *name;
        enum reason_kind kind;
        enum nsutil_wait_act act;
        struct reason_frame frames[FRAMES_MAX];
        const char *lock;
        bool for_work;
} cases[] = {
        { "a lock of one's own", REASON_LOCK, 0, { { "handle", "/app/x.py" }, RUN }, NULL, false },
        { "a queue inside of a request",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" },
            { "Queue.get", LIB "queue.py" },
            { "borrow", "/app/pool.py" },
            { "handle", "/app/x.py" },
            RUN },
          "queue",
          false },
        { "a worker at its queue",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" }, { "Queue.get", LIB "queue.py" }, { "work", "/app/x.py" }, RUN },
          "queue",
          true },
        { "the same of a class of threads, in 2.7",
          REASON_LOCK,
          0,
          { { "wait", "/usr/lib/python2.7/threading.py" },
            { "get", "/usr/lib/python2.7/Queue.py" },
            { "run", "/app/x.py" },
            { "__bootstrap_inner", "/usr/lib/python2.7/threading.py" } },
          "queue",
          true },
        { "the main thread at a queue",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" }, { "Queue.get", LIB "queue.py" }, { "<module>", "/app/x.py" } },
          "queue",
          false },
        { "an executor's worker",
          REASON_LOCK,
          0,
          { { "_worker", LIB "concurrent/futures/thread.py" }, RUN },
          NULL,
          true },
        { "what it runs",
          REASON_LOCK,
          0,
          { { "_WorkItem.run", LIB "concurrent/futures/thread.py" },
            { "_worker", LIB "concurrent/futures/thread.py" },
            RUN },
          NULL,
          false },
        { "an executor's worker that waits for a page",
          REASON_PAGE,
          0,
          { { "_worker", LIB "concurrent/futures/thread.py" }, RUN },
          NULL,
          false },
        { "an event",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" }, { "Event.wait", LIB "threading.py" }, { "f", "/app/x.py" }, RUN },
          "event",
          false },
        { "a condition",
          REASON_LOCK,
          0,
          { { "wait", LIB "threading.py" }, { "f", "/app/x.py" }, RUN },
          "condition",
          false },
        { "a semaphore",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" },
            { "Semaphore.acquire", LIB "threading.py" },
            { "f", "/app/x.py" } },
          "semaphore",
          false },
        { "the end of a thread",
          REASON_LOCK,
          0,
          { { "Thread._wait_for_tstate_lock", LIB "threading.py" },
            { "Thread.join", LIB "threading.py" },
            { "<module>", "/app/x.py" } },
          "thread",
          false },
        { "a future",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" },
            { "Future.result", LIB "concurrent/futures/_base.py" },
            { "f", "/app/x.py" } },
          "future",
          false },
        { "a barrier",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" },
            { "Condition.wait_for", LIB "threading.py" },
            { "Barrier._wait", LIB "threading.py" },
            { "Barrier.wait", LIB "threading.py" },
            { "f", "/app/x.py" } },
          "barrier",
          false },
        { "an event loop",
          REASON_IO,
          NSUTIL_ACT_EPOLL,
          { { "EpollSelector.select", LIB "selectors.py" },
            { "BaseEventLoop._run_once", LIB "asyncio/base_events.py" },
            { "main", "/app/x.py" } },
          NULL,
          true },
        { "a server",
          REASON_IO,
          NSUTIL_ACT_POLL,
          { { "PollSelector.select", LIB "selectors.py" },
            { "BaseServer.serve_forever", LIB "socketserver.py" },
            { "main", "/app/x.py" } },
          NULL,
          true },
        { "a request's own poll",
          REASON_IO,
          NSUTIL_ACT_POLL,
          { { "PollSelector.select", LIB "selectors.py" }, { "ask", "/app/client.py" }, { "main", "/app/x.py" } },
          NULL,
          false },
        { "an accept anywhere", REASON_IO, NSUTIL_ACT_ACCEPT, { { "serve", "/app/x.py" } }, NULL, true },
        { "a server of a package",
          REASON_IO,
          NSUTIL_ACT_SELECT,
          { { "SyncWorker.wait", PACKAGES "gunicorn/workers/sync.py" },
            { "SyncWorker.run", PACKAGES "gunicorn/workers/sync.py" } },
          NULL,
          true },
        { "a process pool's worker",
          REASON_IO,
          NSUTIL_ACT_READ,
          { { "Connection._recv", LIB "multiprocessing/connection.py" },
            { "Connection._recv_bytes", LIB "multiprocessing/connection.py" },
            { "_ConnectionBase.recv_bytes", LIB "multiprocessing/connection.py" },
            { "SimpleQueue.get", LIB "multiprocessing/queues.py" },
            { "worker", LIB "multiprocessing/pool.py" } },
          "queue",
          true },
        { "functions of the application that have the names of the library's",
          REASON_LOCK,
          0,
          { { "wait", "/app/threading.py" }, { "get", "/app/python/queue.py" }, { "_worker", "/app/thread.py" } },
          NULL,
          false },
        { "a package's file in another folder",
          REASON_IO,
          NSUTIL_ACT_SELECT,
          { { "wait", "/app/gunicorn/workers/sync.py" } },
          NULL,
          false },
        { "a stack of nothing but waiting",
          REASON_LOCK,
          0,
          { { "Condition.wait", LIB "threading.py" }, { "Queue.get", LIB "queue.py" } },
          "queue",
          false },
        { "no stack", REASON_LOCK, 0, { { NULL, NULL } }, NULL, false },
        { "no names", REASON_LOCK, 0, { { "", "" }, { "", "/" }, { ".", "threading.py" } }, NULL, false },
};

static struct reason_frame frame_at(void *ctx, size_t i)
{
        const size_t *of_case = ctx;

        return cases[*of_case].frames[i];
}

static size_t count_frames(const struct reason_frame *frames)
{
        size_t n = 0;

        while (n < FRAMES_MAX && frames[n].function)
                n++;
        return n;
}

Test(reason_place, of_each_kind)
{
        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct reason reason = { .kind = cases[i].kind, .wait.act = cases[i].act };
                const struct reason_stack stack = { count_frames(cases[i].frames), frame_at, &i };
                struct reason_place place = reason_place_of(&reason, &stack);

                cr_expect_eq(place.for_work, cases[i].for_work, "%s", cases[i].name);
                cr_expect((!place.lock && !cases[i].lock) ||
                                  (place.lock && cases[i].lock && strcmp(place.lock, cases[i].lock) == 0),
                          "%s: %s", cases[i].name, place.lock ? place.lock : "none");
        }
}

static size_t most_asked;

static struct reason_frame endless(void *ctx, size_t i)
{
        (void)ctx;
        most_asked = i > most_asked ? i : most_asked;
        return (struct reason_frame){ "wait", LIB "threading.py" };
}

Test(reason_place, looks_at_few_frames)
{
        const struct reason reason = { .kind = REASON_LOCK };

        reason_place_of(&reason, &(struct reason_stack){ 1000000, endless, NULL });
        cr_expect_lt(most_asked, REASON_PLACE_FRAMES);
}
