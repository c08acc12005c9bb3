/* SPDX-License-Identifier: Apache-2.0 */
/* Mixed stacks of a process: what is known of its code, and the reading of C stacks beside those of Python. */
#include "merge.h"
#include "reading.h"

#include "pystack/memory/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIXED_MAX (PYSTACK_NATIVE_MAX + PYSTACK_MAX_FRAMES)

struct pystack_native {
        struct images images;
        struct rules rules;
        struct native_frame frames[PYSTACK_NATIVE_MAX];
        struct pystack_mixed_frame mixed[MIXED_MAX];
        uint8_t *more; /* see struct native_stack */
};

/* ---- what is mapped ------------------------------------------------------------------------- */

/* Bytes of a path, for an estimate. */
#define PATH_USUAL 64

void native_free(struct pystack_native *native)
{
        if (!native)
                return;
        images_deinit(&native->images, NULL);
        rules_deinit(&native->rules);
        free(native->more);
        free(native);
}

void native_trim(struct pystack_native *native)
{
        if (!native)
                return;
        rules_deinit(&native->rules);
        free(native->more);
        native->more = NULL;
}

size_t pystack_native_bytes(const struct pystack *py)
{
        const struct pystack_native *native = py->native;

        if (!native)
                return 0;
        return (native->rules.slots ? (native->rules.mask + 1) * sizeof *native->rules.slots : 0) +
               native->images.n_ranges * sizeof *native->images.ranges +
               native->images.n * (sizeof **native->images.items + PATH_USUAL) + (native->more ? NATIVE_STACK_MAX : 0);
}

/* Whether the code that was known is mapped where it was. */
static bool is_unchanged(const struct images *before, const struct images *now)
{
        for (size_t i = 0; i < before->n_ranges; i++) {
                const struct code_range *range = images_find(now, before->ranges[i].start);
                if (!range || range->image != before->ranges[i].image)
                        return false;
        }
        return true;
}

static void take_images(struct pystack_native *native, struct images *images)
{
        if (!is_unchanged(&native->images, images))
                rules_clear(&native->rules);
        free(native->images.ranges);
        native->images = *images;
}

int pystack_native_read(struct pystack *py, bool (*lock)(void *ctx), void (*unlock)(void *ctx), void *ctx)
{
        struct pystack_native *native = py->native ? py->native : calloc(1, sizeof *native);
        struct images images = { .n = 0 };

        if (!native)
                return -ENOMEM;
        int e = images_read(py, &native->images, &images);
        if (e == 0 && lock && !lock(ctx))
                e = PYSTACK_E_HANGS;
        if (e != 0) {
                images_deinit(&images, &native->images);
                if (!py->native)
                        native_free(native);
                return e;
        }
        take_images(native, &images);
        py->native = native;
        py->native_stale = false;
        if (unlock)
                unlock(ctx);
        return 0;
}

bool pystack_native_is_stale(const struct pystack *py)
{
        return py->native_stale;
}

const struct pystack_image *pystack_native_image(const struct pystack *py, uint32_t number)
{
        const struct image *image = py->native ? images_get(&py->native->images, number) : NULL;

        return image ? &image->told : NULL;
}

uint64_t pystack_native_function(const struct pystack *py, uint32_t number, uint64_t value)
{
        const struct image *image = py->native ? images_get(&py->native->images, number) : NULL;
        struct pystack_memory memory = py->memory;
        const struct elfsym_memory for_elfsym = images_for_elfsym(&memory);
        uint64_t begin;

        if (!image || !image->has_frames ||
            elfsym_unwind_function(&for_elfsym, &image->frames, value + image->told.bias, &begin) != 0)
                return value;
        return begin - image->told.bias;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Bytes of the stack that a snapshot reads at first, and at most: what is beyond is read when it is met. */
#define STACK_AT_FIRST 4096u
#define STACK_PLANNED_MAX (64u << 10)
#define STACK_SLACK 512u

/*
 * A function that returns has taken its saved registers from the stack one by one. Tables say of those still where they
 * lie, which is below sp by then. The kernel leaves 128 bytes there alone (x86-64 psABI 3.2.2, the red zone).
 */
#define RED_ZONE 128

static uint64_t begin_of_stack(const struct elfsym_registers *registers)
{
        return (registers->sp - RED_ZONE) & ~(uint64_t)7;
}

void pystack_native_ask(struct pystack_thread *t, const struct pystack_native_request *request)
{
        t->native.request = request;
        t->native.moved = false;
        t->native.begin = request ? begin_of_stack(&request->registers) : 0;
        if (t->native.len == 0)
                t->native.len = STACK_AT_FIRST;
}

void native_watch(struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted)
{
        if (t->native.request && !uninterrupted->unbroken(uninterrupted->cpu))
                t->native.moved = true;
}

static uint32_t plan_length(const struct pystack_thread *t)
{
        uint64_t left = t->native.limit - t->native.begin;

        return left > 0 && left < t->native.len ? (uint32_t)left : t->native.len;
}

void native_plan(struct pystack_thread *t, struct remote_batch *batch, struct snapshot *s)
{
        if (!t->native.request || !t->py->native)
                return;
        s->stack_len = plan_length(t);
        s->stack = remote_add(batch, t->native.begin, s->stack_len);
}

bool native_drop(struct pystack_thread *t, uint64_t addr)
{
        if (!t->native.request || addr != t->native.begin)
                return false;
        uint64_t limit = remote_page(addr + plan_length(t) - 1);
        if (limit > addr)
                t->native.limit = limit;
        else
                t->native.request = NULL; /* there is no stack */
        return true;
}

/* So much was read beyond need, or so little, that the next snapshot reads more or less. */
static void adapt_length(struct pystack_thread *t, const struct unwound *unwound)
{
        uint64_t used = unwound->top - t->native.begin + STACK_SLACK;
        uint32_t wanted = used < STACK_PLANNED_MAX ? (uint32_t)(used | (STACK_SLACK - 1)) + 1 : STACK_PLANNED_MAX;

        if (unwound->reason == PYSTACK_MERGED)
                t->native.len = wanted > t->native.len ? wanted : t->native.len - (t->native.len - wanted) / 16 / 8 * 8;
}

/* Whether the thread has not run since the request, as far as what was read shows it, or as the caller knows. */
static bool has_stayed(const struct pystack_thread *t, const struct snapshot *s,
                       const struct pystack_uninterrupted *uninterrupted, const struct native_stack *stack)
{
        if (!s->frozen)
                return t->native.request->stayed(t->native.request->ctx);
        return stack->more_len == 0 || snapshot_holds(t, uninterrupted);
}

static void unwind_code(struct pystack *py, struct native_stack *stack, const struct elfsym_registers *registers,
                        struct unwound *ret)
{
        struct pystack_native *native = py->native;

        *ret = (struct unwound){ .frames = native->frames };
        stack->more = native->more;
        unwind_stack(&native->rules, &native->images, stack, registers, ret);
        native->more = stack->more;
        if (ret->reason == PYSTACK_UNMERGED_UNKNOWN)
                py->native_stale = true;
}

static struct pystack_mixed make_unmerged(enum pystack_unmerged reason)
{
        return (struct pystack_mixed){ .reason = reason };
}

void native_merge(struct pystack_thread *t, const struct snapshot *s, const struct pystack_uninterrupted *uninterrupted,
                  const struct walk *walk, struct pystack_mixed *ret)
{
        struct pystack *py = t->py;
        const struct layout *layout = &py->runtime.layout;
        struct native_stack stack = { .py = py, .begin = t->native.begin };
        struct unwound unwound;

        *ret = make_unmerged(PYSTACK_UNMERGED_MOVED);
        if (!py->native) {
                py->native_stale = true;
                *ret = make_unmerged(PYSTACK_UNMERGED_UNKNOWN);
                return;
        }
        if (t->native.moved)
                return;
        if (s->stack_len == 0 || walk->truncated) {
                *ret = make_unmerged(PYSTACK_UNMERGED_CUT);
                return;
        }
        stack.bytes = py->scratch.room.buf + s->stack;
        stack.len = s->stack_len & ~7u;
        unwind_code(py, &stack, &t->native.request->registers, &unwound);
        adapt_length(t, &unwound);
        const struct merge_python python = { .frames = py->scratch.raw,
                                             .n = walk->n,
                                             .pieces = layout->frame.owner == LAYOUT_NONE ? NULL : py->scratch.pieces,
                                             .n_pieces = walk->n_pieces };
        merge_stacks(&unwound, &stack, &python, &py->native->images, py->native->mixed, ret);
        py->native->more = stack.more;
        if (!has_stayed(t, s, uninterrupted, &stack)) /* last, for both may have read on */
                *ret = make_unmerged(PYSTACK_UNMERGED_MOVED);
}

void native_root(struct pystack_thread *t, size_t kept, size_t n)
{
        struct pystack_mixed *mixed = &t->native.mixed;
        struct pystack_mixed_frame *frames = t->py->native->mixed;
        size_t i = 0;

        if (mixed->n == 0)
                return;
        while (i < mixed->n && frames[i].python != kept)
                i++;
        if (i == mixed->n) {
                *mixed = make_unmerged(PYSTACK_UNMERGED_DISAGREES);
                return;
        }
        mixed->n = i + 1;
        mixed->truncated = false;
        for (size_t j = kept; j < n && mixed->n < MIXED_MAX; j++)
                frames[mixed->n++] = (struct pystack_mixed_frame){ .python = (uint32_t)j + 1 };
}

void pystack_native_sample(struct pystack *py, const struct pystack_native_request *request, struct pystack_mixed *ret)
{
        struct native_stack stack = { .py = py, .begin = begin_of_stack(&request->registers) };
        const struct merge_python none = { .n = 0 };
        struct unwound unwound;

        if (!py->native) {
                py->native_stale = true;
                *ret = make_unmerged(PYSTACK_UNMERGED_UNKNOWN);
                return;
        }
        unwind_code(py, &stack, &request->registers, &unwound);
        if (request->stayed(request->ctx))
                merge_stacks(&unwound, &stack, &none, &py->native->images, py->native->mixed, ret);
        else
                *ret = make_unmerged(PYSTACK_UNMERGED_MOVED);
}
