/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_TASKS_FORGED_H
#define TESTS_FUZZ_TASKS_FORGED_H

/*
 * A process with tasks of asyncio, of some versions: "inner" runs in its coroutine, awaits, and is awaited by "outer". It is
 * made anew for each input, which replaces words in it.
 */

#include "pystack/decode/type.h"
#include "pystack/tasks/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGED_BASE ((uint64_t)0x7f0000000000)
#define FORGED_SIZE (192u << 10)
#define FORGED_OBJECTS 96

struct forged {
        struct layout layout;
        uint8_t memory[FORGED_SIZE];
        uint64_t used;
        uint64_t objects[FORGED_OBJECTS]; /* where inputs point to */
        size_t n;
        uint64_t runtime, interp, tstate, root, type_type, code_type, coroutine_type, task_type, future_type, str_type;
        uint64_t tasks[3];
        struct task_offsets offsets;
        unsigned reads;
        void (*later)(struct forged *f); /* is called before the read number @later_at */
        unsigned later_at;
};

static inline void forged_word(struct forged *f, uint64_t addr, uint64_t value)
{
        memcpy(f->memory + (addr - FORGED_BASE), &value, sizeof value);
}

static inline void forged_half(struct forged *f, uint64_t addr, uint32_t value)
{
        memcpy(f->memory + (addr - FORGED_BASE), &value, sizeof value);
}

static inline uint64_t forged_alloc(struct forged *f, size_t size)
{
        uint64_t addr = FORGED_BASE + f->used;

        f->used += (size + 15) & ~(size_t)15;
        if (f->used > FORGED_SIZE || f->n == FORGED_OBJECTS)
                abort();
        f->objects[f->n++] = addr;
        return addr;
}

static inline uint64_t forged_object(struct forged *f, uint64_t type, size_t size)
{
        uint64_t addr = forged_alloc(f, size);

        forged_word(f, addr + f->layout.object_type, type);
        return addr;
}

static inline uint64_t forged_type(struct forged *f, const char *name, uint64_t flags)
{
        uint64_t text = forged_alloc(f, 40), type = forged_object(f, f->type_type, 1024);

        memcpy(f->memory + (text - FORGED_BASE), name, strlen(name) + 1);
        forged_word(f, type + f->layout.names.type_name, text);
        forged_word(f, type + f->layout.names.type_flags, flags);
        return type;
}

static inline uint64_t forged_str(struct forged *f, const char *text)
{
        const struct layout *l = &f->layout;
        uint64_t addr = forged_object(f, f->str_type, 96);

        forged_word(f, addr + l->string.length, strlen(text));
        forged_half(f, addr + l->string.state,
                    1u << l->string.kind_shift | l->string.compact_bit | l->string.ascii_bit);
        memcpy(f->memory + (addr + l->string.ascii_data - FORGED_BASE), text, strlen(text) + 1);
        return addr;
}

static inline uint64_t forged_code(struct forged *f, const char *name)
{
        const struct layout *l = &f->layout;
        uint64_t addr = forged_object(f, f->code_type, LAYOUT_MAX_CODE), lines = forged_alloc(f, 64);

        forged_word(f, addr + l->code.name, forged_str(f, name));
        forged_word(f, addr + l->code.file, forged_str(f, "a.py"));
        forged_word(f, addr + l->code.lines, lines);
        return addr;
}

/* ---- coroutines -------------------------------------------------------------------------- */

/* What runs awaits nothing. */
static inline uint64_t forged_coroutine(struct forged *f, const char *name, bool runs, uint64_t awaited)
{
        const struct layout *l = &f->layout;
        uint64_t addr = forged_object(f, f->coroutine_type, 512), frame = addr + l->coroutine.frame, slots;
        uint64_t code = forged_code(f, name);
        bool newest = l->version >= 0x030f;

        if (l->coroutine.state == LAYOUT_NONE) {
                frame = forged_alloc(f, LAYOUT_MAX_FRAME);
                slots = forged_alloc(f, 64);
                forged_word(f, addr + l->coroutine.frame, frame);
                forged_word(f, frame + l->coroutine.slots, slots);
                forged_half(f, frame + l->frame.position, 4);
        } else {
                slots = frame + l->coroutine.slots;
                f->memory[addr + l->coroutine.state - FORGED_BASE] = (uint8_t)(runs ? (newest ? 4 : 0)
                                                                                    : l->coroutine.awaits);
                f->memory[frame + l->frame.owner - FORGED_BASE] = LAYOUT_OWNER_GENERATOR;
                forged_word(f, frame + l->frame.position, code + l->code.bytecode + 4);
        }
        forged_word(f, frame + l->frame.code, code | (l->frame.tag_mask & 1));
        forged_word(f, slots, awaited);
        if (l->coroutine.await == AWAIT_TOP)
                forged_word(f, frame + l->coroutine.stack, runs ? 0 : slots + (newest ? 16 : 8));
        else
                forged_half(f, frame + l->coroutine.stack, runs ? UINT32_MAX : 1);
        return addr;
}

static inline uint64_t forged_frame(const struct forged *f, uint64_t coroutine)
{
        uint64_t at = coroutine + f->layout.coroutine.frame;

        return f->layout.coroutine.state == LAYOUT_NONE ? word_at(f->memory + (at - FORGED_BASE), 0) : at;
}

static inline uint64_t forged_step(struct forged *f, uint64_t type, uint64_t inside)
{
        uint64_t addr = forged_object(f, type, 64);

        forged_word(f, addr + layout_head(&f->layout), inside);
        return addr;
}

/* ---- tasks --------------------------------------------------------------------------------- */

static inline uint64_t forged_task(struct forged *f, uint64_t coroutine, const char *name)
{
        uint64_t task = forged_object(f, f->task_type, 256);

        forged_word(f, task + f->offsets.coro, coroutine);
        forged_word(f, task + f->offsets.name, forged_str(f, name));
        return task;
}

static inline void forged_await(struct forged *f, uint64_t task, uint64_t awaiter, uint64_t any_type)
{
        const struct task_offsets *o = &f->offsets;

        if (o->awaited_by != LAYOUT_NONE) {
                forged_word(f, task + o->awaited_by, awaiter);
                return;
        }
        uint64_t callback = forged_object(f, any_type, 64);
        forged_word(f, callback + o->wakeup, awaiter);
        forged_word(f, task + o->callback, callback);
        forged_word(f, awaiter + o->waiter, task);
}

/* A set of the three tasks, or (@weak) of references to them. */
static inline uint64_t forged_set(struct forged *f, uint64_t any_type, bool weak)
{
        uint64_t set = forged_object(f, any_type, 256), table = forged_alloc(f, 8 * 16);

        for (size_t i = 0; i < 3; i++)
                forged_word(f, table + 16 * i, weak ? forged_step(f, any_type, f->tasks[i]) : f->tasks[i]);
        forged_word(f, set + layout_head(&f->layout) + 16, 7);
        forged_word(f, set + layout_head(&f->layout) + 24, table);
        return set;
}

/* An instance of a class whose dict has the attribute `data`: as up to 3.10. @dict_type becomes the type dict. */
static inline uint64_t forged_weak_set(struct forged *f, uint64_t set, uint64_t *dict_type)
{
        const struct layout *l = &f->layout;
        uint64_t class = forged_type(f, "WeakSet", TYPE_HEAP), object = forged_object(f, class, 64);
        uint64_t keys = forged_alloc(f, 40 + 8 + 3 * 24);

        *dict_type = forged_type(f, "dict", TYPE_DICT_SUBCLASS);
        uint64_t dict = forged_object(f, *dict_type, 96);
        forged_word(f, class + l->names.type_dict, layout_head(l));
        forged_word(f, class + l->names.type_size, 64);
        forged_word(f, object + layout_head(l), dict);
        forged_word(f, dict + layout_head(l), 1);
        forged_word(f, dict + l->names.dict_keys, keys);
        forged_word(f, keys + 8, 8);
        forged_word(f, keys + 32, 1);
        forged_word(f, keys + 48 + 8, forged_str(f, "data"));
        forged_word(f, keys + 48 + 16, set);
        return object;
}

#endif
