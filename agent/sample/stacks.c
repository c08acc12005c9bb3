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
        *stacks = (struct stacks){ 0 };
}

void stacks_clear(struct stacks *stacks)
{
        if (stacks->slots)
                memset(stacks->slots, 0, (stacks->mask + 1) * sizeof *stacks->slots);
        stacks->used = 0;
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

static void hash_stack(const struct pystack_stack *stack, uint64_t ret[2])
{
        uint64_t keys[PYSTACK_MAX_FRAMES + 1];

        for (size_t i = 0; i < stack->n; i++)
                keys[i] = (uint64_t)stack->frames[i].code->serial << 32 | (uint32_t)stack->frames[i].instruction;
        keys[stack->n] = stack->truncated;
        XXH128_hash_t hash = XXH3_128bits(keys, (stack->n + 1) * sizeof *keys);
        ret[0] = hash.low64;
        ret[1] = hash.high64;
}

static profile_id intern(struct profile *p, const char *name, const char *file, uint32_t first_line, uint32_t line)
{
        return profile_intern_frame(p, profile_intern_function(p, name, file, first_line), line);
}

static profile_id intern_stack(struct profile *p, struct pystack *py, const struct pystack_stack *stack)
{
        profile_id ids[PYSTACK_MAX_FRAMES + 1];
        size_t n = 0;

        if (stack->n == 0)
                return stacks_pseudo(p, "(no Python frame)");
        for (; n < stack->n; n++) {
                const struct pystack_code *code = stack->frames[n].code;
                ids[n] = intern(p, code->name, code->file, code->first_line, pystack_line(py, &stack->frames[n]));
        }
        if (stack->truncated)
                ids[n++] = intern(p, "(truncated)", "", 0, 0);
        return profile_intern_stack(p, ids, n);
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
                slot->id = intern_stack(profile, py, stack);
                slot->hash[0] = hash[0];
                slot->hash[1] = hash[1];
                stacks->used += slot->id != 0;
        }
        return slot->id;
}

profile_id stacks_pseudo(struct profile *profile, const char *name)
{
        profile_id frame = intern(profile, name, "", 0, 0);

        return profile_intern_stack(profile, &frame, 1);
}
