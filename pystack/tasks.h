/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASKS_H
#define PYSTACK_TASKS_H

/*
 * Tasks of asyncio: 3.8 and later, those of the C module _asyncio. Included by pystack.h.
 *
 * A task has a coroutine, and a coroutine has a frame. If the frame of a task's coroutine is on a thread's stack, the
 * thread runs that task: no other proof is needed, and no version of asyncio can tell otherwise. The stack then begins at
 * the task: the event loop's own frames are left out, and the tasks that await this one stand outside of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pystack;
struct pystack_frame;

/* How a task is called in stacks. */
enum pystack_task_names {
        PYSTACK_TASKS_OFF,     /* stacks have no tasks */
        PYSTACK_TASKS_BY_NAME, /* "task Task-17" */
        PYSTACK_TASKS_BY_CODE, /* "task fetch", by its coroutine: all tasks of one coroutine are one */
};

/* What the name of a task's frame begins with. Its file is "" and it has no line. */
#define PYSTACK_TASK_PREFIX "task "

/* Frames that stand for what is not known of the tasks outside. */
#define PYSTACK_TASK_SEVERAL "(several awaiters)" /* more than one task awaits the one inside */
#define PYSTACK_TASK_CYCLE "(cycle of tasks)"     /* the next one is among those inside */

/* Whether stacks that pystack_sample() makes from now on begin at their task. As after opening: PYSTACK_TASKS_OFF. */
void pystack_tasks_want(struct pystack *py, enum pystack_task_names names);

/*
 * Finds out where the process's tasks are: outside of ticks, since it may take milliseconds. To be called again when
 * pystack_tasks_are_stale(). @lock and the rest are as of pystack_native_read(). 0: they can be read.
 * PYSTACK_E_NOT_READY: asyncio was not imported so far. PYSTACK_E_UNSUPPORTED: its tasks are of a kind that is not known.
 */
int pystack_tasks_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx);

/* Whether a stack may have had a task, and it was not known where tasks are. */
bool pystack_tasks_are_stale(const struct pystack *py);

/* Stacks of which it could not be told for sure which task runs them: they have none. */
uint64_t pystack_tasks_unread(const struct pystack *py);

/* ---- all tasks ------------------------------------------------------------------------ */

/* What a task does. */
enum pystack_task_state {
        PYSTACK_TASK_NEW,       /* it has not begun */
        PYSTACK_TASK_SUSPENDED, /* it waits, or is ready to go on */
        PYSTACK_TASK_RUNS,      /* a thread runs it: @frames are those of its coroutine alone */
};

/* What the innermost coroutine awaits. */
enum pystack_task_awaits {
        PYSTACK_AWAITS_NOTHING, /* it goes on by itself */
        PYSTACK_AWAITS_FUTURE,
        PYSTACK_AWAITS_TASK,
        PYSTACK_AWAITS_OTHER, /* an awaitable of another kind */
};

/* Tasks that await one task, at most: more of them are not told. */
#define PYSTACK_AWAITERS_MAX 16

/* Frames of a suspended task that are told at most: the innermost ones of a deeper one are missing. */
#define PYSTACK_TASK_FRAMES_MAX 128

struct pystack_task {
        uint64_t address;
        uint64_t tstate;  /* the thread whose loop it belongs to; 0: not known */
        const char *name; /* escaped */
        enum pystack_task_state state;
        const struct pystack_frame *frames; /* innermost first */
        size_t n;
        const struct pystack_frame *stack; /* with @chains: these, then its own name, then those of the tasks outside */
        size_t stack_n;                    /* as in a stack of pystack_sample(). 0: it is not wanted */
        bool truncated;
        enum pystack_task_awaits awaits;
        uint64_t awaited; /* the address of that future or task; 0: none, or not known */
        const char *what; /* the name of its type, escaped: "Future", "Task", "_GatheringFuture" */
        uint64_t awaiters[PYSTACK_AWAITERS_MAX]; /* addresses of the tasks that await it */
        size_t n_awaiters;
        bool more_awaiters;
};

/* Is told of a task; all is valid during the call. False: no more. */
typedef bool (*pystack_task_fn)(void *ctx, const struct pystack_task *task);

struct pystack_tasks_seen {
        size_t told;
        size_t unread; /* tasks that changed while they were read, or were not what a task is */
        bool cut;      /* there may be more: a list was broken off, or is longer than the bound */
};

/* A process with more tasks is read up to here. */
#define PYSTACK_TASKS_MAX 262144

/*
 * Lists all tasks of the process. Each is read so that all that is told of it was so at one moment; different tasks may be
 * of different moments. The process runs meanwhile. Errors as of pystack_tasks_read(), which has to be called before.
 * PYSTACK_E_COSTLY: it takes more than @cpu_ns of CPU time; what was told until then is true. @chains: with each task the
 * stack to which those that await it belong; the tasks are called as pystack_tasks_want() says. Then nothing of what a task
 * waits for can be asked.
 */
int pystack_tasks(struct pystack *py, uint64_t cpu_ns, bool chains, pystack_task_fn each, void *ctx,
                  struct pystack_tasks_seen *ret);

/* ---- what a task waits for ----------------------------------------------------------- */

/*
 * Of a frame of asyncio.sleep(): when it ends, in seconds of CLOCK_MONOTONIC as the target sees it, and for how long it
 * sleeps. For these three: @i is the number of a frame of @task, and they are to be called while that is told. 0, or
 * PYSTACK_E_CORRUPT if that is not what the frame has (another event loop than asyncio's own), or an error of reading.
 */
int pystack_task_sleep(struct pystack *py, const struct pystack_task *task, size_t i, double *ret_until,
                       double *ret_seconds);

/* Where a frame has a socket. */
enum pystack_task_socket {
        PYSTACK_SOCKET_ARGUMENT,  /* its second argument is a socket.socket: BaseSelectorEventLoop.sock_recv() */
        PYSTACK_SOCKET_TRANSPORT, /* self._transport is one of asyncio's: StreamReader._wait_for_data() */
};
/* The file descriptor of that socket, in the target. */
int pystack_task_descriptor(struct pystack *py, const struct pystack_task *task, size_t i,
                            enum pystack_task_socket where, int *ret_fd);

#endif
