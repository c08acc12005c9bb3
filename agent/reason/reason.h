/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REASON_H
#define REASON_H

/*
 * reason: why a Python thread does not run, and words for it. What the kernel says of that is nsutil's
 * (nsutil/waiting.h). Where the GIL lies is pystack's. This room joins the two.
 */

#include "nsutil/nsutil.h"
#include "pystack/pystack.h"

#include <stddef.h>

/* ---- reading ------------------------------------------------------------------------- */

enum reason_kind {
        REASON_UNKNOWN,
        REASON_RUNNING, /* it runs, or is ready to run */
        REASON_CPU,     /* it is ready to run, and has no CPU */
        REASON_THROTTLED,
        REASON_SLEEP,
        REASON_IO,
        REASON_GIL,
        REASON_LOCK, /* it waits at a word of memory outside of the GIL, or for a lock of the kernel */
        REASON_CHILD,
        REASON_SIGNAL,
        REASON_PAGE,
        REASON_STOPPED,
        REASON_FROZEN,
        REASON_KINDS,
};

struct reason {
        enum reason_kind kind;
        struct nsutil_wait wait;
        bool has_detail;
        struct nsutil_wait_detail detail; /* without addresses of sockets: see nsutil_wait_addresses() */
        bool moved;                       /* with UNKNOWN: the thread ran while it was read */
        bool lock_or_gil;                 /* with UNKNOWN: it is not known where the GIL lies */
};

/*
 * Reads why @thread, a thread of @py whose @files are open, does not run. A thread in state R is RUNNING: whether it
 * has a CPU, and whether a quota keeps it from running, is for the caller to find out. Nothing is an error: what is
 * not certain is UNKNOWN. @freezers as for nsutil_wait_read().
 */
void reason_read(struct pystack *py, const struct pystack_thread *thread, const struct nsutil_wait_thread *files,
                 const struct nsutil_freezers *freezers, struct reason *ret);

/*
 * Whether the thread has not moved since, so that a stack that was read meanwhile belongs to the reason. If it has
 * moved, the reason becomes UNKNOWN. A thread that is RUNNING may move.
 */
bool reason_still_holds(const struct nsutil_wait_thread *files, struct reason *reason);

/* ---- the stack ------------------------------------------------------------------------ */

/* A frame by its names, as pystack tells them. */
struct reason_frame {
        const char *function; /* qualified or not */
        const char *file;
};

/* What the stack says of a wait. */
struct reason_place {
        const char *lock; /* with LOCK: "queue", "condition", ...; NULL: not known */
        bool for_work;    /* the thread waits for something to do, and not inside of something that it does */
};

/* The number of frames, from the leaf on, at which reason_place_of() looks at most. */
#define REASON_PLACE_FRAMES 10

/* The waiting thread's stack. */
struct reason_stack {
        size_t n; /* frames */
        /* Gives the frame @i, the leaf being 0. Its names are valid until the next call. */
        struct reason_frame (*frame)(void *ctx, size_t i);
        void *ctx;
};

/*
 * Looks at a waiting thread's stack. The rules know functions of the standard library, in its
 * folder, and of some servers, in a folder of packages: see place.c. Names are the process's own: it can only lie about
 * itself.
 */
struct reason_place reason_place_of(const struct reason *reason, const struct reason_stack *stack);

/* ---- tasks ----------------------------------------------------------------------------- */

/* What a task of asyncio waits for, as far as its stack tells. */
enum reason_task_kind {
        REASON_TASK_FUTURE, /* a future, and nothing tells whose */
        REASON_TASK_SLEEP,
        REASON_TASK_LOCK,   /* @what says of which kind */
        REASON_TASK_SOCKET, /* see @socket */
        REASON_TASK_CHILD,
        REASON_TASK_TASKS, /* several tasks */
        REASON_TASK_TASK,
        REASON_TASK_READY, /* for nothing: it goes on when its turn comes */
        REASON_TASK_NEW,   /* for its first turn */
        REASON_TASK_RUNNING,
        REASON_TASK_UNKNOWN,
        REASON_TASK_KINDS,
};

struct reason_task {
        enum reason_task_kind kind;
        const char *what;                /* with LOCK: "lock", "event", "queue", ... */
        size_t frame;                    /* with SLEEP and SOCKET: the frame that has it */
        enum pystack_task_socket socket; /* with SOCKET: where */
};

/* Looks at a task and at its stack, whose frames are named by @stack. The rules know asyncio: see task.c. */
struct reason_task reason_task_of(const struct pystack_task *task, const struct reason_stack *stack);

/* One word: "sleep", "lock", "socket", "task", "future", ... */
const char *reason_task_word(enum reason_task_kind kind);

/* ---- words ----------------------------------------------------------------------------- */

/* Holds the longest words: a path of which every byte is escaped, and what stands before it. */
#define REASON_SIZE (4 * NSUTIL_WAIT_PATH_SIZE + 128)

/* One word: "cpu", "sleep", "io", "gil", "lock", "child", "signal", "page", "stopped", "frozen" or "unknown" ... */
const char *reason_word(enum reason_kind kind);

/* How much of what is waited for the words tell. */
enum reason_privacy {
        REASON_ALL,     /* addresses of peers, and names of files */
        REASON_PRIVATE, /* kinds of things, and ports */
};

/*
 * What the kernel knows of the wait, in words: "sleep", "socket 10.0.0.7:5432", "listening socket [::]:80", "pipe",
 * "file /var/lib/x", "lock on file /run/x", "one of 12 descriptors", "unknown". @detail: NULL if there is none.
 * What the process chose of it, paths and names, is clean text. Cut to @size, which is at least 1.
 */
void reason_words(const struct nsutil_wait *wait, const struct nsutil_wait_detail *detail, enum reason_privacy privacy,
                  char *ret, size_t size);

/*
 * The reason in words: "waits: GIL", "waits for work: queue", "waits: socket 10.0.0.7:5432", "sleeps", "throttled", and
 * "" for a thread that runs. @place: NULL if nothing is known of the stack. @size is at least REASON_SIZE.
 */
void reason_text(const struct reason *reason, const struct reason_place *place, enum reason_privacy privacy, char *ret,
                 size_t size);

#endif
