/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include "pystack/memory/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RULES_AT_FIRST 512

void rules_deinit(struct rules *rules)
{
        free(rules->slots);
        *rules = (struct rules){ 0 };
}

void rules_clear(struct rules *rules)
{
        if (rules->slots)
                memset(rules->slots, 0, (rules->mask + 1) * sizeof *rules->slots);
        rules->n = 0;
}

static struct rule *slot_of_rule(struct rule *slots, size_t mask, uint64_t pc)
{
        size_t i = (pc * 0x9e3779b97f4a7c15u) >> 32 & mask;

        while (slots[i].pc && slots[i].pc != pc)
                i = (i + 1) & mask;
        return &slots[i];
}

static bool grow_slots(struct rules *rules)
{
        size_t size = rules->slots ? 2 * (rules->mask + 1) : RULES_AT_FIRST;

        if (rules->slots && 2 * rules->n <= rules->mask)
                return true;
        if (size > 2 * NATIVE_RULES_MAX) {
                rules_clear(rules);
                return true;
        }
        struct rule *slots = calloc(size, sizeof *slots);
        if (!slots)
                return false;
        for (size_t i = 0; rules->slots && i <= rules->mask; i++)
                if (rules->slots[i].pc)
                        *slot_of_rule(slots, size - 1, rules->slots[i].pc) = rules->slots[i];
        free(rules->slots);
        rules->slots = slots;
        rules->mask = size - 1;
        return true;
}

/* ---- making ----------------------------------------------------------------------------- */

/* What lies before a return address. */
struct call {
        bool made;
        uint64_t function; /* 0: by a register, or by a pointer */
};

#if defined __aarch64__
static struct call look_at_call(const struct pystack *py, uint64_t after)
{
        uint32_t code; /* BL: 100101, and 26 bits of an offset in words. BLR: 1101011000111111000000, register, 00000 */

        if (remote_read(&py->memory, after - sizeof code, &code, sizeof code) != 0)
                return (struct call){ .made = false };
        if (code >> 26 != 0x25)
                return (struct call){ .made = (code & 0xfffffc1f) == 0xd63f0000 };
        return (struct call){ true, after - sizeof code + (uint64_t)((int64_t)((uint64_t)code << 38) >> 36) };
}
#else
/* CALL r/m64: ff, and a ModRM byte with 2 in its middle, which says how long the address is. */
static bool is_indirect_call(const uint8_t *code, size_t len)
{
        uint8_t mod = code[1] >> 6, rm = code[1] & 7;
        size_t sib = mod != 3 && rm == 4, disp = mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0;

        if (mod == 0 && sib && len > 2 && (code[2] & 7) == 5)
                disp = 4;
        return code[0] == 0xff && (code[1] >> 3 & 7) == 2 && len == 2 + sib + disp;
}

static struct call look_at_call(const struct pystack *py, uint64_t after)
{
        uint8_t code[7];
        int32_t offset;

        if (remote_read(&py->memory, after - sizeof code, code, sizeof code) != 0)
                return (struct call){ .made = false };
        if (code[2] == 0xe8) { /* CALL rel32: an offset from the next instruction */
                memcpy(&offset, code + 3, sizeof offset);
                return (struct call){ true, after + (uint64_t)(int64_t)offset };
        }
        for (size_t len = 2; len <= sizeof code; len++)
                if (is_indirect_call(code + sizeof code - len, len))
                        return (struct call){ .made = true };
        return (struct call){ .made = false };
}
#endif

bool rules_is_after_call(const struct pystack *py, uint64_t address)
{
        return look_at_call(py, address).made;
}

/* Where the table says nothing of the innermost function, its code may: compilers and people leave out leaf functions. */
static void learn_unwind(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                         bool in_call, struct rule *ret)
{
        int e = elfsym_unwind_find(memory, frames, pc, &ret->unwind);

        ret->looked_ahead = e == ELFSYM_E_NOT_FOUND && !in_call && frames->entries > 0;
        if (ret->looked_ahead)
                ret->ahead = (e = elfsym_unwind_ahead(memory, frames, pc, &ret->unwind)) == 0;
        ret->known = e == 0;
}

static int make_rule(const struct pystack *py, const struct images *images, uint64_t pc, bool in_call, struct rule *ret)
{
        const struct code_range *range = images_find(images, pc);
        struct pystack_memory memory = py->memory;
        const struct elfsym_memory for_elfsym = images_for_elfsym(&memory);

        if (!range)
                return PYSTACK_E_CORRUPT;
        *ret = (struct rule){ .pc = pc, .image = range->image };
        const struct image *image = images_get(images, range->image);
        if (image && image->has_frames)
                learn_unwind(&for_elfsym, &image->frames, pc, in_call, ret);
        ret->by_pointer = !ret->known && (!image || !image->has_frames || image->frames.entries == 0);
        if (in_call) {
                struct call call = look_at_call(py, pc + 1);
                ret->calls = call.made;
                ret->calls_loop = images->n_loops > 0 && call.function == images->loops[0].start;
        }
        return 0;
}

int rules_get(struct rules *rules, const struct pystack *py, const struct images *images, uint64_t pc, bool in_call,
              unsigned *budget, const struct rule **ret)
{
        struct rule rule;

        if (!grow_slots(rules))
                return -ENOMEM;
        struct rule *slot = slot_of_rule(rules->slots, rules->mask, pc);
        if (!slot->pc) {
                if (*budget == 0)
                        return PYSTACK_E_COSTLY;
                int e = make_rule(py, images, pc, in_call, &rule);
                unsigned cost = e == 0 && rule.looked_ahead ? NATIVE_RULES_AHEAD : 1;
                *budget -= cost < *budget ? cost : *budget;
                if (e != 0)
                        return e;
                *slot = rule;
                rules->n++;
        }
        *ret = slot;
        return 0;
}
