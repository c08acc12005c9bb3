/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_READER_H
#define PYSTACK_TASK_READER_H

/*
 * Reads tasks and the coroutines that they are made of. All that is read of one moment goes through one trail: the caller
 * begins it, and shows at the end that it was of one moment, by trail_confirm() or since no thread could run.
 */

#include "kind.h"
#include "pystack/memory/trail.h"

/* PySetObject (Include/cpython/setobject.h): behind its head fill, used, mask, table; entries of a key and a hash. */
enum { SET_MASK = 16, SET_TABLE = 24, SET_END = 32, SET_ENTRY = 16 };

/* A task as it stands in the target. */
struct task_object {
        uint64_t address;
        uint64_t coroutine;
        uint64_t name;                           /* the object that is its name */
        uint64_t waiter;                         /* the future that it awaits; 0: none */
        uint64_t awaiters[PYSTACK_AWAITERS_MAX]; /* tasks that await it */
        size_t n_awaiters;
        bool more_awaiters; /* there are more, or some that cannot be read */
};

/* The frames of a coroutine and of those that it awaits, outermost first. */
struct coroutine_chain {
        struct raw_frame frames[PYSTACK_TASK_FRAMES_MAX];
        size_t n;
        bool truncated;   /* the innermost frames are missing */
        bool begun;       /* else the coroutine has not run yet */
        bool runs;        /* a thread runs one of them: the frames inside of that one are not here */
        uint64_t awaited; /* what the innermost one awaits, if it is none of these; 0: nothing */
        enum task_kind awaited_kind;
};

/* What is known of a process's tasks, and room for one that is being read. */
struct task_reader {
        struct pystack *py;
        const struct task_places *places;
        struct task_kinds kinds;
        uint64_t uses;               /* times that it was taken */
        uint64_t generation, interp; /* the generation of that interpreter at this moment; 0: not known */
        struct trail trail;
        struct coroutine_chain chain;
        struct pystack_frame frames[PYSTACK_TASK_FRAMES_MAX];
};

/* Whether the object at @addr is of the kind. The answer depends on what is in the trail. 0 or an error of reading. */
int task_kind_at(struct task_reader *reader, uint64_t addr, enum task_kind *ret);

/*
 * Reads the task at @addr. PYSTACK_E_CORRUPT if there is none. @all: all of its awaiters; else the first one, and whether
 * there are more.
 */
int task_read(struct task_reader *reader, uint64_t addr, bool all, struct task_object *ret);

/* Reads the frame's address of the coroutine at @addr, whatever its state is; 0: it has none. */
int coroutine_frame(struct task_reader *reader, uint64_t addr, uint64_t *ret);

/* Follows the coroutine at @addr into @reader->chain. PYSTACK_E_CORRUPT if it is none that can be read. */
int coroutine_follow(struct task_reader *reader, uint64_t addr);

/*
 * Makes @reader->frames of the chain, innermost first: finds, reads and proves their code objects. Valid until the next
 * code_cache_sweep(). It is of one moment with the trail if the trail is confirmed afterwards.
 */
int coroutine_name_frames(struct task_reader *reader);

#endif
