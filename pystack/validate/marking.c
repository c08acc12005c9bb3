/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection begins by finding out what is garbage: deduce_unreachable() in Modules/gcmodule.c (Python/gc.c in 3.13).
 * Meanwhile the collector keeps the GIL, so its holder is the thread that collects.
 *
 * All objects of the generation that is collected have a bit in their heads then. It is set from the first object of the
 * list to the last one, and cleared in the same order. So the first or the last one has it all the time. What has the bit
 * later is garbage, which is in no generation's list.
 */
#include "marking.h"

/* struct gc_generation: the head of a list (next, previous), and two ints. The three lie before the flag. */
#define GENERATIONS 3
#define GENERATION_SIZE 24
#define GENERATIONS_BEFORE_FLAG 176

/* In PyGC_Head: next, and the previous one with bits. */
#define HEAD_PREVIOUS 8
#define PREV_MASK_COLLECTING 2u
#define POINTER_MASK (~(uint64_t)3)

static bool is_marked(const struct pystack_thread *t, uint64_t object)
{
        uint64_t previous;

        return remote_read_word(&t->py->memory, (object & POINTER_MASK) + HEAD_PREVIOUS, &previous) == 0 &&
               previous & PREV_MASK_COLLECTING;
}

static bool has_marked_objects(const struct pystack_thread *t, uint64_t collecting)
{
        uint8_t bytes[GENERATIONS * GENERATION_SIZE];

        if (remote_read(&t->py->memory, collecting - GENERATIONS_BEFORE_FLAG, bytes, sizeof bytes) != 0)
                return false;
        for (uint32_t at = 0; at < sizeof bytes; at += GENERATION_SIZE)
                if (is_marked(t, word_at(bytes, at)) || is_marked(t, word_at(bytes, at + HEAD_PREVIOUS)))
                        return true;
        return false;
}

bool marking_is_shown(const struct pystack_thread *t, const struct pystack_uninterrupted *uninterrupted,
                      uint64_t collecting, uint64_t gil, uint64_t switches)
{
        uint16_t version = t->py->runtime.layout.version;
        uint8_t bytes[LAYOUT_GIL_SWITCHES_AFTER + 8];
        uint32_t cpu;

        return version >= 0x0308 && version <= 0x030d && has_marked_objects(t, collecting) &&
               remote_read(&t->py->memory, gil, bytes, sizeof bytes) == 0 && word_at(bytes, 0) == t->tstate &&
               word_at(bytes, LAYOUT_GIL_SWITCHES_AFTER) == switches &&
               remote_read(&t->py->memory, t->on_cpu, &cpu, sizeof cpu) == 0 && cpu == (uint32_t)uninterrupted->cpu &&
               uninterrupted->unbroken(uninterrupted->cpu);
}
