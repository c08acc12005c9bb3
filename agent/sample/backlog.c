/* SPDX-License-Identifier: Apache-2.0 */
/* New stacks that wait to be decoded. */
#include "backlog.h"

#include <errno.h>
#include <stdlib.h>

/* An empty batch keeps its memory if it has room for no more frames and stacks than this. */
#define CAP_KEPT 1024

/* The work for each frame, and for each stack: see BACKLOG_WORK. */
#define WORK_EACH 256
#define LINE_BYTES_PER_WORK 8

void batch_clear(struct batch *batch)
{
        batch->n_frames = batch->n_stacks = batch->work = 0;
        if (batch->cap_frames <= CAP_KEPT && batch->cap_stacks <= CAP_KEPT)
                return;
        free(batch->frames);
        free(batch->stacks);
        *batch = (struct batch){ 0 };
}

size_t batch_bytes(const struct batch *batch)
{
        return batch->cap_frames * sizeof *batch->frames + batch->cap_stacks * sizeof *batch->stacks;
}

void backlog_deinit(struct backlog *b)
{
        free(b->batch.frames);
        free(b->batch.stacks);
        free(b->keys);
        *b = (struct backlog){ 0 };
}

void backlog_restart(struct backlog *b)
{
        b->n_keys = 0;
}

/* ---- adding ------------------------------------------------------------------------ */

static const struct pystack_frame *from_outside(const struct pystack_stack *stack, size_t i)
{
        return &stack->frames[stack->n - 1 - i];
}

static size_t count_shared(const struct backlog *b, const struct pystack_stack *stack)
{
        size_t n = b->n_keys < stack->n ? b->n_keys : stack->n, i = 0;

        while (i < n && b->keys[i] == backlog_key(from_outside(stack, i)))
                i++;
        return i;
}

static size_t work_of(const struct pystack_stack *stack, size_t shared)
{
        size_t work = WORK_EACH, lines = 0;

        for (size_t i = shared; i < stack->n; i++) {
                const struct pystack_code *code = from_outside(stack, i)->code;
                work += WORK_EACH + code->chars;
                lines += code->lines_len;
        }
        return work + (lines < BACKLOG_LINE_BYTES ? lines : BACKLOG_LINE_BYTES) / LINE_BYTES_PER_WORK;
}

/* Makes room for @n items of @size bytes. False: there is no memory. */
static bool make_room(void **items, size_t *cap, size_t n, size_t size)
{
        if (n <= *cap)
                return true;
        void *grown = reallocarray(*items, 2 * n, size);
        if (!grown)
                return false;
        *items = grown;
        *cap = 2 * n;
        return true;
}

static bool make_room_for(struct backlog *b, const struct pystack_stack *stack, size_t own)
{
        struct batch *batch = &b->batch;

        return make_room((void **)&b->keys, &b->cap_keys, stack->n, sizeof *b->keys) &&
               make_room((void **)&batch->frames, &batch->cap_frames, batch->n_frames + own, sizeof *batch->frames) &&
               make_room((void **)&batch->stacks, &batch->cap_stacks, batch->n_stacks + 1, sizeof *batch->stacks);
}

static void append_frames(struct backlog *b, const struct pystack_stack *stack, size_t shared)
{
        size_t lines = 0;

        for (size_t i = shared; i < stack->n; i++) {
                const struct pystack_frame *frame = from_outside(stack, i);
                pystack_keep(frame->code);
                lines += frame->code->lines_len;
                b->keys[i] = backlog_key(frame);
                b->batch.frames[b->batch.n_frames++] = (struct backlog_frame){ .code = frame->code,
                                                                               .instruction = frame->instruction,
                                                                               .without_line = lines >
                                                                                               BACKLOG_LINE_BYTES };
        }
        b->n_keys = stack->n;
}

size_t backlog_work(const struct pystack_stack *stack)
{
        return work_of(stack, 0);
}

int backlog_add(struct backlog *b, struct profile *p, const struct pystack_stack *stack, profile_id *ret)
{
        size_t shared = count_shared(b, stack), own = stack->n - shared, work = work_of(stack, shared);

        if (work > BACKLOG_WORK - b->batch.work)
                return PYSTACK_E_COSTLY;
        if (!make_room_for(b, stack, own))
                return -ENOMEM;
        profile_id id = profile_reserve_stack(p);
        if (!id)
                return -ENOSPC;
        b->batch.work += work;
        b->batch.stacks[b->batch.n_stacks++] = (struct backlog_stack){
                .reserved = id,
                .shared = (uint32_t)shared,
                .own = (uint32_t)own,
                .gc_at = (uint32_t)stack->gc_at,
                .gc = stack->gc,
                .truncated = stack->truncated,
        };
        append_frames(b, stack, shared);
        *ret = id;
        return 0;
}
