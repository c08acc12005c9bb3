/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_BACKLOG_H
#define SAMPLE_BACKLOG_H

/*
 * Stacks that a tick has met for the first time, and whose names and lines are decoded later: see decode.h. A stack
 * keeps only the frames in which it differs from the stack that was added before it. Most outer frames are the same,
 * and a program that recurses has a new stack for each sample.
 */

#include "agent/profile/profile.h"
#include "pystack/pystack.h"

struct backlog_frame {
        const struct pystack_code *code; /* kept: see pystack_keep() */
        int32_t instruction;             /* the position: see struct pystack_frame */
        bool without_line;               /* the frame's line is not to be decoded */
};

struct backlog_stack {
        profile_id reserved; /* the id that the stack is counted by until it is decoded */
        uint32_t shared;     /* the number of frames, from the outermost one on, that the stack before it has too */
        uint32_t own;        /* the number of frames that follow */
        uint32_t gc_at;      /* this and the next two: see struct pystack_stack */
        bool gc;
        bool truncated;
};

struct batch {
        struct backlog_frame *frames; /* the own frames of all stacks; the outermost frame of a stack comes first */
        size_t n_frames, cap_frames;
        struct backlog_stack *stacks; /* in the order in which they were added */
        size_t n_stacks, cap_stacks;
        size_t work; /* the work that decoding them takes, at most BACKLOG_WORK */
};

/*
 * The work of a batch at most. Its unit is the decoding of one character of a name. A full batch takes 60 ms at most.
 * It has room for a stack of all the functions that a process is given memory for. A frame takes 256 units beside its
 * names, and a byte of a line table an eighth of a unit.
 */
#define BACKLOG_WORK ((size_t)8 << 20)

/* The bytes of line tables that are searched for one stack. The frames beyond get no line. */
#define BACKLOG_LINE_BYTES ((size_t)4 << 20)

struct backlog {
        struct batch batch;
        uint64_t *keys; /* backlog_key() of each frame of the stack that was added last, outermost first */
        size_t n_keys, cap_keys;
};

/* The key that tells frames apart: the serial of the code object, and the position. */
static inline uint64_t backlog_key(const struct pystack_frame *frame)
{
        return (uint64_t)frame->code->serial << 32 | (uint32_t)frame->instruction;
}

/* Frees the backlog. The code objects that it has kept stay kept. */
void backlog_deinit(struct backlog *backlog);

/*
 * Adds @stack, which has at least one frame, and keeps its code objects. @ret gets the id that the stack is counted by,
 * reserved in @p. PYSTACK_E_COSTLY: there is no room for the stack until others have been decoded. -ENOMEM. -ENOSPC:
 * the profile is full.
 */
int backlog_add(struct backlog *backlog, struct profile *p, const struct pystack_stack *stack, profile_id *ret);

/* The work of decoding all frames of @stack: see BACKLOG_WORK. */
size_t backlog_work(const struct pystack_stack *stack);

/* Makes the next stack share no frames with the stack before it. */
void backlog_restart(struct backlog *backlog);

/* The bytes of memory that the batch takes. */
size_t batch_bytes(const struct batch *batch);

/* Empties the batch. Frees its memory if the batch has room for more than 1024 frames or stacks. */
void batch_clear(struct batch *batch);

#endif
