/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_BACKLOG_H
#define SAMPLE_BACKLOG_H

/*
 * Stacks that a tick has met for the first time, and whose names and lines are decoded later: see decode.h. A stack is
 * its frames as far as they differ from the stack that was added before it. Most outer frames are the same, and a
 * program that recurses has a new stack for each sample.
 */

#include "agent/profile/profile.h"
#include "pystack/pystack.h"

struct backlog_frame {
        const struct pystack_code *code; /* kept: see pystack_keep() */
        int32_t instruction;
        bool without_line; /* its line is not searched for */
};

struct backlog_stack {
        profile_id reserved;
        uint32_t shared; /* frames from the outermost one on that are those of the stack before it */
        uint32_t own;    /* frames that follow */
        bool truncated;
};

struct batch {
        struct backlog_frame *frames; /* of all its stacks, of each the outermost first */
        size_t n_frames, cap_frames;
        struct backlog_stack *stacks; /* in the order in which they were added */
        size_t n_stacks, cap_stacks;
        size_t work; /* see BACKLOG_WORK */
};

/*
 * What a batch may ask to be done, in characters of names; so many take 60 ms at most. A stack of all the functions
 * that a process is given memory for has room. What a frame takes beside its names is as much as 256 of them, and a
 * byte of a line table an eighth.
 */
#define BACKLOG_WORK ((size_t)8 << 20)

/* Tables that are searched for a stack, in bytes: frames beyond have no lines. */
#define BACKLOG_LINE_BYTES ((size_t)4 << 20)

struct backlog {
        struct batch batch;
        uint64_t *keys; /* of the frames of the stack that was added last, outermost first */
        size_t n_keys, cap_keys;
};

/* What tells frames apart: serial of the code object, and position. */
static inline uint64_t backlog_key(const struct pystack_frame *frame)
{
        return (uint64_t)frame->code->serial << 32 | (uint32_t)frame->instruction;
}

/* Frees it. What it has kept stays kept. */
void backlog_deinit(struct backlog *backlog);

/*
 * Adds @stack, which has frames, and keeps its code objects. @ret is the id that it is counted by, reserved in @p.
 * PYSTACK_E_COSTLY: there is no room for it until others have been decoded. -ENOMEM; -ENOSPC: the profile is full.
 */
int backlog_add(struct backlog *backlog, struct profile *p, const struct pystack_stack *stack, profile_id *ret);

/* What decoding all frames of @stack asks to be done: see BACKLOG_WORK. */
size_t backlog_work(const struct pystack_stack *stack);

/* Lets the next stack have all of its frames for its own. */
void backlog_restart(struct backlog *backlog);

/* The bytes that it takes. */
size_t batch_bytes(const struct batch *batch);

/* Empties it, and frees its memory if that is more than most need. */
void batch_clear(struct batch *batch);

#endif
