/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_SNAPSHOT_H
#define PYSTACK_SNAPSHOT_H

/*
 * One thread's state and stack, copied twice in one system call:
 *
 *   [state, stack, frames elsewhere] [proofs of code objects] [state, stack, frames elsewhere]
 *
 * Bytes that are equal in the first and the last part were so at one moment between them. The code objects on that
 * stack were alive at that moment, so the proofs in the middle belong to them.
 *
 * If the thread is frozen, one copy is enough. What the plan did not foresee is then read afterwards, on its own, as
 * long as the thread stays frozen.
 */

#include "pystack/internal.h"

/* A part of the target's memory, and where in a reading it lies. */
struct snapshot_window {
        uint64_t addr;
        size_t len, at;
        int32_t span; /* index of the thread's span, -1: none */
};

/* A snapshot in the pystack's buffer; valid until the next one. */
struct snapshot {
        const uint8_t *first, *second; /* the two readings, laid out alike */
        size_t size;                   /* bytes of one reading; if there is only one, of all that was read */
        uint64_t generation;           /* code_object_generation, 0 where there is none */
        uint64_t lives;                /* the same, or what is counted in its place: see frees.h; 0: neither */
        uint32_t tlbc_generation;
        size_t garbage; /* where in all that was read the bytes begin that show who collects: see garbage_plan() */
        size_t stack, stack_len; /* likewise the C stack's bytes; 0: it was not read */
        bool has_gil;            /* the GIL's are among them */
        bool frozen;             /* the caller may have frozen the thread: its rseq is known */
        bool twice;              /* there are two readings; else both pointers are to the one */

        /* How much of the plan it has. */
        uint64_t cframe, chunk;
        uint32_t chunk_len, n_spans;

        struct snapshot_window window; /* the one last looked into: the next bytes most likely lie in it, too */
};

/*
 * Takes a snapshot by the thread's plan. With @uninterrupted, and if it is unbroken, there is only one reading, and
 * behind it the number of the thread's CPU; both pointers are to that reading. Spans that cannot be read any more
 * leave the plan. PYSTACK_E_GONE if the thread state is no longer this thread's.
 */
int snapshot_take(struct pystack_thread *thread, const struct pystack_uninterrupted *uninterrupted,
                  struct snapshot *ret);

/* Bytes of a cframe. Only for layouts that have cframes. */
static inline uint32_t snapshot_cframe_size(const struct layout *layout)
{
        return layout->tstate.cframe_previous + 8;
}

/* Whether the snapshot may be extended. */
static inline bool snapshot_is_open(const struct snapshot *snapshot)
{
        return snapshot->frozen && !snapshot->twice;
}

/*
 * Reads into an open snapshot what it lacks of the plan, and the proofs that have come to be wanted. If it succeeds,
 * all that was read of the thread since snapshot_take() is of the same moment. PYSTACK_E_TORN if the thread was not
 * frozen all the time, or something cannot be read: take another snapshot.
 */
int snapshot_extend(struct pystack_thread *thread, const struct pystack_uninterrupted *uninterrupted,
                    struct snapshot *snapshot);

/* Whether the thread of an open snapshot, or of one that was frozen, has been frozen until now. One system call. */
bool snapshot_holds(const struct pystack_thread *thread, const struct pystack_uninterrupted *uninterrupted);

static inline bool snapshot_inside(uint64_t start, uint64_t size, uint64_t addr, size_t len)
{
        return addr >= start && len <= size && addr - start <= size - len;
}

/* Sets @snapshot->window to the part that holds these bytes. False if no part does. */
bool snapshot_find(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, size_t len);

/* The bytes at @addr in both readings. False if the snapshot does not hold all of them: see plan_extend(). */
static inline bool snapshot_at(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, size_t len,
                               const uint8_t **ret_first, const uint8_t **ret_second)
{
        const struct snapshot_window *window = &snapshot->window;

        if (!snapshot_inside(window->addr, window->len, addr, len) && !snapshot_find(thread, snapshot, addr, len))
                return false;
        *ret_first = snapshot->first + window->at + (addr - window->addr);
        *ret_second = snapshot->second + window->at + (addr - window->addr);
        return true;
}

#endif
