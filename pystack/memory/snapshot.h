/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_SNAPSHOT_H
#define PYSTACK_SNAPSHOT_H

/*
 * One thread's state and stack, copied twice in one system call:
 *
 *   [state, stack, frames elsewhere] [proofs of code objects] [the same again]
 *
 * What is equal in the first and the last part was so at a moment between them;
 * the code objects on that stack were alive at that moment, so the proofs in the
 * middle are theirs.
 *
 * Of a thread that is held one copy is enough, and what the plan did not foresee
 * is read afterwards, on its own, as long as the thread is held.
 */

#include "pystack/internal.h"

/* A part of the target's memory, and where in a reading it lies. */
struct snapshot_window {
        uint64_t addr;
        size_t len, at;
        int32_t span; /* of the thread's, -1: none */
};

/* A snapshot in the pystack's buffer; valid until the next one. */
struct snapshot {
        const uint8_t *first, *second; /* the two readings, laid out alike */
        size_t size;                   /* bytes of each, and then of all that was read */
        uint64_t generation;           /* code_object_generation, 0 where there is none */
        uint32_t tlbc_generation;
        bool held;  /* the thread stood still, as far as its rseq tells */
        bool twice; /* read twice; else both readings are the one */

        /* What it has of the plan. */
        uint64_t cframe, chunk;
        uint32_t chunk_len, n_spans;

        struct snapshot_window window; /* the one last looked into: neighbours lie in it, most likely */
};

/*
 * Takes one by the thread's plan. With @hold, and if it is unbroken, there is only
 * one reading, and then the thread's CPU: both readings point to it. Spans that
 * cannot be read any more leave the plan. PYSTACK_E_GONE if the thread state is no longer this thread's.
 */
int snapshot_take(struct pystack_thread *thread, const struct pystack_hold *hold, struct snapshot *ret);

/* Of a cframe; only where there are any. */
static inline uint32_t snapshot_cframe_size(const struct layout *layout)
{
        return layout->tstate.cframe_previous + 8;
}

/* Whether what it lacks may be read on its own. */
static inline bool snapshot_is_open(const struct snapshot *snapshot)
{
        return snapshot->held && !snapshot->twice;
}

/*
 * Reads what an open snapshot lacks of the plan, and proofs that have come to be
 * wanted. All that was read of the thread so far, by whatever means, was true then.
 * PYSTACK_E_TORN if the thread has not been held, or something cannot be read:
 * take another.
 */
int snapshot_extend(struct pystack_thread *thread, const struct pystack_hold *hold, struct snapshot *snapshot);

/*
 * Brings the plan up to date with the thread state just read: whether the cframe
 * and the data stack are covered. True if the plan had to change: take another.
 */
bool snapshot_replan(struct pystack_thread *thread, const struct snapshot *snapshot);

/*
 * Extends the plan by the frame at @addr, and those behind it that it does not
 * cover either. PYSTACK_E_TORN if that memory cannot be read; -ENOSPC if the
 * plan is as large as it may be.
 */
int snapshot_learn(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr);

/*
 * Extends the plan by @len bytes at @addr, and what lies beside them. PYSTACK_E_TORN
 * if they cannot be read, -ENOSPC as above.
 */
int snapshot_cover(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, uint32_t len);

/* After a snapshot that was used: forgets what has not been of use for a while. */
void snapshot_forget(struct pystack_thread *thread, const struct snapshot *snapshot);

static inline bool snapshot_inside(uint64_t start, uint64_t size, uint64_t addr, size_t len)
{
        return addr >= start && len <= size && addr - start <= size - len;
}

/* Makes the window the part of the snapshot that holds these bytes, if one does. */
bool snapshot_look(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, size_t len);

/*
 * The bytes at @addr in both readings. False if the snapshot does not hold them
 * all: see snapshot_learn().
 */
static inline bool snapshot_at(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, size_t len,
                               const uint8_t **ret_first, const uint8_t **ret_second)
{
        const struct snapshot_window *window = &snapshot->window;

        if (!snapshot_inside(window->addr, window->len, addr, len) && !snapshot_look(thread, snapshot, addr, len))
                return false;
        *ret_first = snapshot->first + window->at + (addr - window->addr);
        *ret_second = snapshot->second + window->at + (addr - window->addr);
        return true;
}

#endif
