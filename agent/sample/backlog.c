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
#define WORK_NATIVE 256 /* to find the name of C code in a table that was read */

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

/* ---- viewing ----------------------------------------------------------------------- */

/* Leaves out the frames of which it is not certain whether they belong above "<GC>" or below it. */
static void leave_out_doubtful_frames(struct pystack_stack *stack)
{
        if (!stack->gc || stack->gc_certain)
                return;
        stack->frames += stack->gc_at;
        stack->n -= stack->gc_at;
        stack->gc_at = 0;
}

/* In a mixed stack, "<GC>" stands directly inside of the frame that a collection has interrupted, if that is certain. */
static void place_collection(struct pystack_stack *stack, struct backlog_view *view)
{
        size_t i = 0;

        stack->gc = stack->gc && stack->gc_certain;
        while (i < view->mixed->n && view->mixed->frames[i].python != stack->gc_at + 1)
                i++;
        view->gc_at = view->n_kernel + i;
}

void backlog_view(const struct pystack_stack *found, const struct pystack_mixed *mixed,
                  const struct perf_context *context, struct pystack_stack *ret_stack, struct backlog_view *ret)
{
        *ret_stack = *found;
        *ret = (struct backlog_view){ .stack = ret_stack };
        if (!mixed) {
                leave_out_doubtful_frames(ret_stack);
                ret->n = ret_stack->n;
                ret->gc_at = ret_stack->gc_at;
                return;
        }
        ret->mixed = mixed;
        if (context) {
                ret->kernel = context->kernel;
                ret->n_kernel = context->n_kernel;
        }
        ret->n = ret->n_kernel + mixed->n;
        if (found->gc)
                place_collection(ret_stack, ret);
}

/* ---- adding ------------------------------------------------------------------------ */

static struct backlog_frame from_outside(const struct backlog_view *view, size_t i)
{
        return backlog_frame_at(view, view->n - 1 - i);
}

static size_t count_shared(const struct backlog *b, const struct backlog_view *view)
{
        size_t n = b->n_keys < view->n ? b->n_keys : view->n, i = 0;

        for (; i < n; i++) {
                const struct backlog_frame frame = from_outside(view, i);
                if (b->keys[i] != backlog_key(&frame))
                        break;
        }
        return i;
}

static size_t work_of(const struct backlog_view *view, size_t shared)
{
        size_t work = WORK_EACH, lines = 0;

        for (size_t i = shared; i < view->n; i++) {
                const struct pystack_code *code = from_outside(view, i).code;
                work += WORK_EACH + (code ? code->chars : WORK_NATIVE);
                lines += code ? code->lines_len : 0;
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

static bool make_room_for(struct backlog *b, const struct backlog_view *view, size_t own)
{
        struct batch *batch = &b->batch;

        return make_room((void **)&b->keys, &b->cap_keys, view->n, sizeof *b->keys) &&
               make_room((void **)&batch->frames, &batch->cap_frames, batch->n_frames + own, sizeof *batch->frames) &&
               make_room((void **)&batch->stacks, &batch->cap_stacks, batch->n_stacks + 1, sizeof *batch->stacks);
}

static void append_frames(struct backlog *b, const struct backlog_view *view, size_t shared)
{
        size_t lines = 0;

        for (size_t i = shared; i < view->n; i++) {
                struct backlog_frame frame = from_outside(view, i);
                b->keys[i] = backlog_key(&frame);
                if (frame.code) {
                        pystack_keep(frame.code);
                        lines += frame.code->lines_len;
                        frame.without_line = lines > BACKLOG_LINE_BYTES;
                }
                b->batch.frames[b->batch.n_frames++] = frame;
        }
        b->n_keys = view->n;
}

size_t backlog_work(const struct backlog_view *view)
{
        return work_of(view, 0);
}

int backlog_add(struct backlog *b, struct profile *p, const struct backlog_view *view, profile_id *ret)
{
        const struct pystack_stack *stack = view->stack;
        size_t shared = count_shared(b, view), own = view->n - shared, work = work_of(view, shared);

        if (work > BACKLOG_WORK - b->batch.work)
                return PYSTACK_E_COSTLY;
        if (!make_room_for(b, view, own))
                return -ENOMEM;
        profile_id id = profile_reserve_stack(p);
        if (!id)
                return -ENOSPC;
        b->batch.work += work;
        b->batch.stacks[b->batch.n_stacks++] = (struct backlog_stack){
                .reserved = id,
                .shared = (uint32_t)shared,
                .own = (uint32_t)own,
                .gc_at = (uint32_t)view->gc_at,
                .gc = stack->gc,
                .truncated = view->mixed ? view->mixed->truncated : stack->truncated,
                .outside = { view->outside[0], view->outside[1] },
        };
        append_frames(b, view, shared);
        *ret = id;
        return 0;
}
