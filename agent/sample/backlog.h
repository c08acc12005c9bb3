/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_BACKLOG_H
#define SAMPLE_BACKLOG_H

/*
 * Stacks that a tick has met for the first time, and whose names and lines are decoded later: see decode.h. A stack
 * keeps only the frames in which it differs from the stack that was added before it. Most outer frames are the same,
 * and a program that recurses has a new stack for each sample.
 */

#include "agent/profile/profile.h"
#include "perf_context.h"
#include "pystack/pystack.h"

struct backlog_frame {
        const struct pystack_code *code; /* kept: see pystack_keep(). NULL: it is C code, or the kernel's */
        union {
                struct {
                        int32_t instruction; /* the position: see struct pystack_frame */
                        bool without_line;   /* the frame's line is not to be decoded */
                };
                struct {
                        uint64_t value; /* the address: see struct pystack_mixed_frame */
                        uint32_t image; /* likewise; or BACKLOG_KERNEL: then the address is one of the kernel */
                };
        };
};

#define BACKLOG_KERNEL UINT32_MAX

/* Pseudo frames at the outer end of a stack: "(native)" and the thread's name. */
#define BACKLOG_OUTSIDE 2

struct backlog_stack {
        profile_id reserved; /* the id that the stack is counted by until it is decoded */
        uint32_t shared;     /* the number of frames, from the outermost one on, that the stack before it has too */
        uint32_t own;        /* the number of frames that follow */
        uint32_t gc_at;      /* this and the next two: see struct pystack_stack */
        bool gc;
        bool truncated;
        profile_id outside[BACKLOG_OUTSIDE]; /* see struct backlog_view */
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

/* A stack as a tick has read it: Python alone; or Python, C code and the kernel. */
struct backlog_view {
        const struct pystack_stack *stack;
        const struct pystack_mixed *mixed; /* NULL: Python alone */
        const uint64_t *kernel;            /* addresses, innermost first */
        size_t n_kernel;
        size_t n;                            /* frames of all kinds */
        size_t gc_at;                        /* as of @stack, among the frames of all kinds */
        profile_id outside[BACKLOG_OUTSIDE]; /* frames of the profile's that stand outside of all these; 0: none */
};

/* The frames of all kinds that a view has at most. */
#define BACKLOG_FRAMES_MAX (PYSTACK_MAX_FRAMES + PYSTACK_NATIVE_MAX + PERF_KERNEL_MAX)

/* Makes the view of @found. @mixed and @context may be NULL. Frames of which it is not certain whether the collector of
 * garbage has called them are left out of a stack of Python alone: see struct pystack_stack. @ret_stack is used by @ret. */
void backlog_view(const struct pystack_stack *found, const struct pystack_mixed *mixed,
                  const struct perf_context *context, struct pystack_stack *ret_stack, struct backlog_view *ret);

/* The frame @i of a stack, leaf first. Nothing is kept. */
static inline struct backlog_frame backlog_frame_at(const struct backlog_view *view, size_t i)
{
        const struct pystack_frame *python;

        if (i < view->n_kernel)
                return (struct backlog_frame){ .image = BACKLOG_KERNEL, .value = view->kernel[i] };
        if (view->mixed) {
                const struct pystack_mixed_frame *frame = &view->mixed->frames[i - view->n_kernel];
                if (!frame->python)
                        return (struct backlog_frame){ .image = frame->image, .value = frame->value };
                i = frame->python - 1;
        }
        python = &view->stack->frames[i];
        return (struct backlog_frame){ .code = python->code, .instruction = python->instruction };
}

/*
 * The key that tells frames apart: the serial of the code object, and the position; of C code the image, and 48 bits of
 * the address.
 */
static inline uint64_t backlog_key(const struct backlog_frame *frame)
{
        if (frame->code)
                return (uint64_t)frame->code->serial << 32 | (uint32_t)frame->instruction;
        return (uint64_t)1 << 63 | (uint64_t)(frame->image & 0x7fff) << 48 | (frame->value & 0xffffffffffff);
}

/* Frees the backlog. The code objects that it has kept stay kept. */
void backlog_deinit(struct backlog *backlog);

/*
 * Adds @view, which has at least one frame, and keeps its code objects. @ret gets the id that the stack is counted by,
 * reserved in @p. PYSTACK_E_COSTLY: there is no room for the stack until others have been decoded. -ENOMEM. -ENOSPC:
 * the profile is full.
 */
int backlog_add(struct backlog *backlog, struct profile *p, const struct backlog_view *view, profile_id *ret);

/* The work of decoding all frames of @view: see BACKLOG_WORK. */
size_t backlog_work(const struct backlog_view *view);

/* Makes the next stack share no frames with the stack before it. */
void backlog_restart(struct backlog *backlog);

/* The bytes of memory that the batch takes. */
size_t batch_bytes(const struct batch *batch);

/* Empties the batch. Frees its memory if the batch has room for more than 1024 frames or stacks. */
void batch_clear(struct batch *batch);

#endif
