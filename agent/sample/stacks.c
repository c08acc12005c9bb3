/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache from raw stacks to stacks of a profile. Serials of code objects are
 * never reused, so an entry is true for as long as the profile lives.
 */
#include "stacks.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Slots at most: 24 bytes each. A window with more distinct stacks starts anew. */
#define SLOTS_MAX ((size_t)1 << 17)

void stacks_deinit(struct stacks *stacks)
{
        free(stacks->slots);
        free(stacks->last);
        *stacks = (struct stacks){ 0 };
}

size_t stacks_bytes(const struct stacks *stacks)
{
        return (stacks->slots ? (stacks->mask + 1) * sizeof *stacks->slots : 0) + stacks->cap_last * sizeof *stacks->last;
}

void stacks_clear(struct stacks *stacks)
{
        if (stacks->slots)
                memset(stacks->slots, 0, (stacks->mask + 1) * sizeof *stacks->slots);
        stacks->used = stacks->n_last = 0;
}

static struct stacks_slot *slot_for(struct stacks_slot *slots, size_t mask, const uint64_t hash[2])
{
        size_t i = hash[0] & mask;

        while (slots[i].id && (slots[i].hash[0] != hash[0] || slots[i].hash[1] != hash[1]))
                i = (i + 1) & mask;
        return &slots[i];
}

static bool make_room(struct stacks *stacks)
{
        size_t size = stacks->slots ? 2 * (stacks->mask + 1) : 256;

        if (stacks->slots && stacks->used * 2 <= stacks->mask)
                return true;
        if (size > SLOTS_MAX) {
                stacks_clear(stacks);
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

static uint64_t key_of(const struct pystack_frame *frame)
{
        return (uint64_t)frame->code->serial << 32 | (uint32_t)frame->instruction;
}

static void hash_stack(const struct pystack_stack *stack, uint64_t ret[2])
{
        uint64_t keys[PYSTACK_MAX_FRAMES + 1];

        for (size_t i = 0; i < stack->n; i++)
                keys[i] = key_of(&stack->frames[i]);
        keys[stack->n] = stack->truncated;
        XXH128_hash_t hash = XXH3_128bits(keys, (stack->n + 1) * sizeof *keys);
        ret[0] = hash.low64;
        ret[1] = hash.high64;
}

/* 0: out of memory, or full. */
static profile_id intern(struct profile *p, const char *name, const char *file, uint32_t first_line, uint32_t line)
{
        profile_id function, frame;

        if (profile_intern_function(p, name, file, first_line, &function) < 0 ||
            profile_intern_frame(p, function, line, &frame) < 0)
                return 0;
        return frame;
}

/* Likewise. */
static profile_id intern_frame_ids(struct profile *p, const profile_id *ids, size_t n)
{
        profile_id stack;

        return profile_intern_stack(p, ids, n, &stack) < 0 ? 0 : stack;
}

/* Room to remember @n frames; without it they are interned all the same. */
static size_t remember(struct stacks *stacks, size_t n)
{
        if (n > stacks->cap_last) {
                struct stacks_frame *last = realloc(stacks->last, 2 * n * sizeof *last);
                if (!last)
                        return stacks->cap_last;
                stacks->last = last;
                stacks->cap_last = 2 * n;
        }
        return n;
}

/* Most frames of a new stack stand where they stood in the one before it: the outer ones. */
static void intern_frames(struct stacks *stacks, struct profile *p, struct pystack *py,
                          const struct pystack_stack *stack, profile_id *ids)
{
        size_t room = remember(stacks, stack->n);

        for (size_t i = 0; i < stack->n; i++) {
                size_t at = stack->n - 1 - i;
                const struct pystack_frame *frame = &stack->frames[at];
                struct stacks_frame known = { .key = key_of(frame) };
                if (i < stacks->n_last && stacks->last[i].key == known.key && stacks->last[i].id)
                        known.id = stacks->last[i].id;
                else
                        known.id = intern(p, frame->code->name, frame->code->file, frame->code->first_line,
                                          pystack_line(py, frame));
                ids[at] = known.id;
                if (i < room)
                        stacks->last[i] = known;
        }
        stacks->n_last = stack->n < room ? stack->n : room;
}

static profile_id intern_stack(struct stacks *stacks, struct profile *p, struct pystack *py,
                               const struct pystack_stack *stack)
{
        profile_id ids[PYSTACK_MAX_FRAMES + 1];
        size_t n = stack->n;

        if (n == 0)
                return stacks_pseudo(p, "(no Python frame)");
        intern_frames(stacks, p, py, stack, ids);
        if (stack->truncated)
                ids[n++] = intern(p, "(truncated)", "", 0, 0);
        return intern_frame_ids(p, ids, n);
}

profile_id stacks_find(struct stacks *stacks, struct profile *profile, struct pystack *py,
                       const struct pystack_stack *stack)
{
        uint64_t hash[2];

        if (!make_room(stacks))
                return 0;
        hash_stack(stack, hash);
        struct stacks_slot *slot = slot_for(stacks->slots, stacks->mask, hash);
        if (!slot->id) {
                slot->id = intern_stack(stacks, profile, py, stack);
                slot->hash[0] = hash[0];
                slot->hash[1] = hash[1];
                stacks->used += slot->id != 0;
        }
        return slot->id;
}

profile_id stacks_pseudo(struct profile *profile, const char *name)
{
        profile_id frame = intern(profile, name, "", 0, 0);

        return intern_frame_ids(profile, &frame, 1);
}

profile_id stacks_native(struct profile *profile, const char *name)
{
        profile_id frames[] = { intern(profile, "(native)", "", 0, 0), intern(profile, name, "", 0, 0) };

        return intern_frame_ids(profile, frames, 2);
}
