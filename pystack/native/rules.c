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

/* The function that the call before @after calls. 0: it calls through a register or a pointer. */
static uint64_t called_function(const struct pystack *py, uint64_t after)
{
#if defined __aarch64__
        uint32_t code; /* BL: 100101, and 26 bits of an offset in words */

        if (remote_read(&py->memory, after - sizeof code, &code, sizeof code) != 0 || code >> 26 != 0x25)
                return 0;
        return after - sizeof code + (uint64_t)((int64_t)((uint64_t)code << 38) >> 36);
#else
        uint8_t code[5]; /* CALL rel32: e8, and an offset from the next instruction */
        int32_t offset;

        if (remote_read(&py->memory, after - sizeof code, code, sizeof code) != 0 || code[0] != 0xe8)
                return 0;
        memcpy(&offset, code + 1, sizeof offset);
        return after + (uint64_t)(int64_t)offset;
#endif
}

static bool is_call_of_loop(const struct pystack *py, const struct images *images, uint64_t pc)
{
        return images->n_loops > 0 && called_function(py, pc + 1) == images->loops[0].start;
}

static ssize_t read_table(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        const struct pystack_memory *memory = ctx;

        return memory->read(memory->ctx, buf, remote, n);
}

static int make_rule(const struct pystack *py, const struct images *images, uint64_t pc, bool in_call, struct rule *ret)
{
        const struct code_range *range = images_find(images, pc);
        struct pystack_memory memory = py->memory;
        const struct elfsym_memory for_elfsym = { read_table, &memory };

        if (!range)
                return PYSTACK_E_CORRUPT;
        *ret = (struct rule){ .pc = pc, .image = range->image };
        const struct image *image = images_get(images, range->image);
        if (image && image->has_frames)
                ret->known = elfsym_unwind_find(&for_elfsym, &image->frames, pc, &ret->unwind) == 0;
        ret->by_pointer = !ret->known && (!image || !image->has_frames || image->frames.entries == 0);
        ret->calls_loop = in_call && is_call_of_loop(py, images, pc);
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
                --*budget;
                int e = make_rule(py, images, pc, in_call, &rule);
                if (e != 0)
                        return e;
                *slot = rule;
                rules->n++;
        }
        *ret = slot;
        return 0;
}
