/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache from raw stacks to the stacks of a profile. The serial of a code object is never used again, so an entry is
 * true as long as the profile lives.
 */
#include "stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The number of slots at most. A slot takes 24 bytes. The cache is emptied when half of them are used. */
#define SLOTS_MAX ((size_t)1 << 17)

void stacks_deinit(struct stacks *stacks)
{
        stacks_trim(stacks);
        backlog_deinit(&stacks->backlog);
}

void stacks_trim(struct stacks *stacks)
{
        free(stacks->slots);
        stacks->slots = NULL;
        stacks->mask = stacks->used = 0;
}

size_t stacks_bytes(const struct stacks *stacks)
{
        return (stacks->slots ? (stacks->mask + 1) * sizeof *stacks->slots : 0) + batch_bytes(&stacks->backlog.batch) +
               stacks->backlog.cap_keys * sizeof *stacks->backlog.keys + stacks->lent;
}

static void forget_stacks(struct stacks *stacks)
{
        if (stacks->slots)
                memset(stacks->slots, 0, (stacks->mask + 1) * sizeof *stacks->slots);
        stacks->used = 0;
}

void stacks_clear(struct stacks *stacks)
{
        forget_stacks(stacks);
        backlog_restart(&stacks->backlog);
}

void stacks_renumber(struct stacks *stacks, const struct profile *profile)
{
        bool all = true;

        for (size_t i = 0; stacks->slots && i <= stacks->mask; i++) {
                struct stacks_slot *slot = &stacks->slots[i];
                if (!slot->id)
                        continue;
                slot->id = profile_linked(profile, slot->id);
                all = all && slot->id;
        }
        if (!all)
                forget_stacks(stacks); /* a free slot would hide the slots behind it */
}

static struct stacks_slot *slot_for(struct stacks_slot *slots, size_t mask, const uint64_t hash[2])
{
        size_t i = hash[0] & mask;

        while (slots[i].id && (slots[i].hash[0] != hash[0] || slots[i].hash[1] != hash[1]))
                i = (i + 1) & mask;
        return &slots[i];
}

static bool reserve_slot(struct stacks *stacks)
{
        size_t size = stacks->slots ? 2 * (stacks->mask + 1) : 256;

        if (stacks->slots && stacks->used * 2 <= stacks->mask)
                return true;
        if (size > SLOTS_MAX) {
                forget_stacks(stacks);
                return true;
        }
        struct stacks_slot *slots = calloc(size, sizeof *slots);
        if (!slots)
                return false;
        for (size_t i = 0; stacks->slots && i <= stacks->mask; i++)
                if (stacks->slots[i].id)
                        *slot_for(slots, size - 1, stacks->slots[i].hash) = stacks->slots[i];
        free(stacks->slots);
        stacks->slots = slots;
        stacks->mask = size - 1;
        return true;
}

static void hash_view(const struct backlog_view *view, uint64_t ret[2])
{
        uint64_t keys[BACKLOG_FRAMES_MAX + 2];
        const struct pystack_stack *stack = view->stack;

        for (size_t i = 0; i < view->n; i++) {
                const struct backlog_frame frame = backlog_frame_at(view, i);
                keys[i] = backlog_key(&frame);
        }
        keys[view->n] = (uint64_t)view->gc_at << 2 | (uint64_t)stack->gc << 1 |
                        (view->mixed ? view->mixed->truncated : stack->truncated);
        keys[view->n + 1] = (uint64_t)view->outside[1] << 32 | view->outside[0];
        XXH128_hash_t hash = XXH3_128bits(keys, (view->n + 2) * sizeof *keys);
        ret[0] = hash.low64;
        ret[1] = hash.high64;
}

/*
 * The decoder runs when the scheduler lets it. It does not follow a program that has a new stack in each sample, at a
 * high rate on a crowded machine. The backlog is full then, and new stacks would be lost. So a stack is decoded within
 * its tick if that takes no more than this work, some 0.3 ms. 200 frames of ordinary names take less, and one frame of
 * the longest names takes more.
 */
#define AT_ONCE_WORK ((size_t)64 << 10)

static int intern_now(struct profile *p, struct pystack *py, const struct pystack_frame *frame, profile_id *ret)
{
        struct pystack_text text;
        profile_id function;

        pystack_text(frame->code, &text);
        int r = profile_intern_function(p, text.name, text.file, frame->code->first_line, &function);
        return r < 0 ? r : profile_intern_frame(p, function, pystack_line(py, frame), ret);
}

static int add_at_once(struct profile *p, struct pystack *py, const struct pystack_stack *stack, profile_id *ret)
{
        profile_id ids[STACKS_FRAMES_MAX];

        for (size_t i = 0; i < stack->n; i++) {
                int r = intern_now(p, py, &stack->frames[i], &ids[i]);
                if (r < 0)
                        return r;
        }
        size_t n = stacks_add_pseudo_frames(p, ids, stack->n, stack->truncated, stack->gc, stack->gc_at);
        return profile_intern_stack(p, ids, n, ret);
}

/*
 * Adds a new stack to the backlog, which only copies bytes. If the backlog is full, a stack of Python may be decoded at
 * once. The names of C code stand in files, which no tick reads.
 */
static int add_stack(struct stacks *stacks, struct profile *p, struct pystack *py, const struct backlog_view *view,
                     profile_id *ret)
{
        if (view->n > 0) {
                int e = backlog_add(&stacks->backlog, p, view, ret);
                return e == PYSTACK_E_COSTLY && !view->mixed && backlog_work(view) <= AT_ONCE_WORK
                               ? add_at_once(p, py, view->stack, ret)
                               : e;
        }
        *ret = stacks_pseudo(p, "(no Python frame)");
        return *ret ? 0 : -ENOSPC;
}

int stacks_find(struct stacks *stacks, struct profile *profile, struct pystack *py, const struct backlog_view *view,
                profile_id *ret)
{
        uint64_t hash[2];
        int e = 0;

        if (!reserve_slot(stacks))
                return -ENOMEM;
        hash_view(view, hash);
        struct stacks_slot *slot = slot_for(stacks->slots, stacks->mask, hash);
        if (!slot->id) {
                e = add_stack(stacks, profile, py, view, &slot->id);
                slot->hash[0] = hash[0];
                slot->hash[1] = hash[1];
                stacks->used += slot->id != 0;
        }
        *ret = slot->id;
        return e;
}

profile_id stacks_pseudo_frame(struct profile *p, const char *name)
{
        profile_id function, frame;

        if (profile_intern_function(p, name, "", 0, &function) < 0 || profile_intern_frame(p, function, 0, &frame) < 0)
                return 0;
        return frame;
}

size_t stacks_add_pseudo_frames(struct profile *p, profile_id ids[static STACKS_FRAMES_MAX], size_t n, bool truncated,
                                bool gc, size_t gc_at)
{
        if (truncated)
                ids[n++] = stacks_pseudo_frame(p, "(truncated)");
        if (gc) {
                memmove(&ids[gc_at + 1], &ids[gc_at], (n++ - gc_at) * sizeof *ids);
                ids[gc_at] = stacks_pseudo_frame(p, PYSTACK_GC_NAME);
        }
        return n;
}

/* 0: there is no memory, or the profile is full. */
static profile_id intern_frame_ids(struct profile *p, const profile_id *ids, size_t n)
{
        profile_id stack;

        return profile_intern_stack(p, ids, n, &stack) < 0 ? 0 : stack;
}

profile_id stacks_pseudo(struct profile *profile, const char *name)
{
        profile_id frame = stacks_pseudo_frame(profile, name);

        return intern_frame_ids(profile, &frame, 1);
}

void stacks_native_frames(struct profile *profile, const char *name, profile_id ret[static BACKLOG_OUTSIDE])
{
        ret[0] = stacks_pseudo_frame(profile, PROFILE_NATIVE);
        ret[1] = stacks_pseudo_frame(profile, name);
}

profile_id stacks_native(struct profile *profile, const char *name)
{
        profile_id frames[BACKLOG_OUTSIDE];

        stacks_native_frames(profile, name, frames);
        return intern_frame_ids(profile, frames, BACKLOG_OUTSIDE);
}
