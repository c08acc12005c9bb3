/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_tasks_forge.h"

#include "pystack/tasks/running.h"

#include "pystack/decode/type.h"

#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slots of a forged frame's value stack: the one in use is the last, but for an empty one of 3.15. */
#define SLOTS 3

/* ---- memory ------------------------------------------------------------------------------ */

static void copy_endless(const struct task_forge *t, uint64_t addr, uint8_t *to, size_t len)
{
        for (size_t i = 0; i < len; i++, addr++) {
                uint64_t number = (addr - ENDLESS) / ENDLESS_APART, next = ENDLESS + (number + 1) * ENDLESS_APART;
                uint32_t at = (uint32_t)(addr % ENDLESS_APART), word = t->endless_awaits;
                to[i] = at >= word && at < word + 8 ? (uint8_t)(next >> 8 * (at - word)) : t->endless[at];
        }
}

static bool is_endless(const struct task_forge *t, const struct iovec *span)
{
        uint64_t addr = (uintptr_t)span->iov_base, end = ENDLESS + t->endless_of * ENDLESS_APART;

        return addr >= ENDLESS && addr < end && span->iov_len <= end - addr;
}

static ssize_t read_tasks(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct task_forge *t = ctx;
        struct pystack_memory forged = forge_remote(t->forge);
        ssize_t done = 0;

        for (size_t i = 0; i < n; i++) {
                ssize_t got = (ssize_t)remote[i].iov_len;
                if (is_endless(t, &remote[i]))
                        copy_endless(t, (uintptr_t)remote[i].iov_base, (uint8_t *)buf + done, remote[i].iov_len);
                else
                        got = forged.read(forged.ctx, (uint8_t *)buf + done, &remote[i], 1);
                if (got < 0)
                        return done > 0 ? done : got;
                done += got;
        }
        t->bytes_read += (size_t)done;
        return done;
}

/* ---- places ------------------------------------------------------------------------------ */

static void make_offsets(struct task_forge *t, uint32_t head)
{
        static const uint64_t sizes[] = { 144, 184, 192, 176, 176, 144 };
        uint16_t version = t->layout->version;
        uint32_t more = head - 16;
        struct task_offsets *o = &t->places->offsets;
        const uint64_t table[] = { 168 + more, 136 + more,    96 + more, 108 + more,      109 + more,
                                   128 + more, 152 + more,    32768,     TASKS_OF_INTERP, 512,
                                   416,        TASKS_RUNNING, TASKS_LIST };

        int e = version >= 0x030e ? task_offsets_parse(table, sizeof table, 168 + more, head, o)
                                  : task_offsets_find(version, sizes[version - 0x0308] + more, head, o);
        cr_assert_eq(e, 0, "%s", t->forge->version->name);
}

static void make_types(struct task_forge *t)
{
        struct threading *f = &t->threading;

        t->types.coroutine = threading_type(f, "coroutine", 0);
        t->types.generator = threading_type(f, "generator", 0);
        t->types.async_generator = threading_type(f, "async_generator", 0);
        t->types.step = threading_type(f, "async_generator_asend", 0);
        t->types.waiting = threading_type(f, "_asyncio.FutureIter", TYPE_HEAP);
        t->types.task = threading_type(f, "_asyncio.Task", TYPE_HEAP);
        t->types.future = threading_type(f, "_asyncio.Future", TYPE_HEAP);
        t->types.other = threading_type(f, "Awaitable", TYPE_HEAP);
}

void task_forge_init(struct task_forge *t, const char *version)
{
        *t = (struct task_forge){ .endless_of = 0 };
        threading_init(&t->threading, forge_version(version));
        t->forge = &t->threading.forge;
        t->layout = &t->forge->layout;
        t->py = forge_open(t->forge);
        t->py->memory.read = read_tasks;
        t->py->memory.ctx = t;
        t->code = forge_code(t->forge, "fetch", "a.py", 7);
        make_types(t);
        struct pystack_tasks_state *state = calloc(1, sizeof *state);
        cr_assert(state);
        t->py->tasks.state = state;
        t->places = &state->places;
        make_offsets(t, layout_head(t->layout));
        t->places->n = 1;
        t->places->modules[0] = (struct task_module){ .interp = t->forge->interp,
                                                      .task_type = t->types.task,
                                                      .future_type = t->types.future };
        t->places->modules[0].types.dict = t->threading.types.dict;
        state->ready = true;
        task_forge_begin(t);
}

void task_forge_begin(struct task_forge *t)
{
        t->reader = tasks_reader(t->py);
        cr_assert(t->reader);
        t->reader->kinds.n = 0;
        t->bytes_read = t->forge->reads = 0;
}

void task_forge_deinit(struct task_forge *t)
{
        pystack_close(t->py);
        threading_deinit(&t->threading);
}

/* ---- coroutines -------------------------------------------------------------------------- */

uint64_t task_forge_frame(struct task_forge *t, uint64_t coroutine)
{
        uint64_t frame = coroutine + t->layout->coroutine.frame;

        return t->layout->coroutine.state == LAYOUT_NONE ? word_at(forge_at(t->forge, frame), 0) : frame;
}

/* The slot that has what it awaits. */
static uint64_t awaiting_slot(struct task_forge *t, uint64_t frame)
{
        uint64_t slots = frame + t->layout->coroutine.slots;

        if (t->layout->coroutine.state == LAYOUT_NONE)
                slots = word_at(forge_at(t->forge, slots), 0);
        return slots + 8 * (SLOTS - 1) - 8 * (t->layout->version >= 0x030f);
}

static void put_depth(struct task_forge *t, uint64_t frame, bool runs)
{
        const struct layout *l = t->layout;
        uint64_t top = awaiting_slot(t, frame) + 8 + 8 * (l->version >= 0x030f);

        if (l->coroutine.await == AWAIT_TOP)
                forge_word(t->forge, frame + l->coroutine.stack, runs ? 0 : top);
        else
                forge_half(t->forge, frame + l->coroutine.stack, runs ? UINT32_MAX : SLOTS);
}

void task_forge_await(struct task_forge *t, uint64_t coroutine, uint64_t awaited)
{
        forge_word(t->forge, awaiting_slot(t, task_forge_frame(t, coroutine)),
                   awaited | (t->layout->frame.tag_mask & 1));
}

void task_forge_recode(struct task_forge *t, uint64_t coroutine, uint64_t code)
{
        const struct layout *l = t->layout;
        uint64_t frame = task_forge_frame(t, coroutine);

        forge_word(t->forge, frame + l->frame.code, code | (l->frame.tag_mask & 1));
        if (l->position <= POSITION_LASTI_UNITS)
                forge_half(t->forge, frame + l->frame.position, 4);
        else
                forge_word(t->forge, frame + l->frame.position, code + l->code.bytecode + 4);
}

static uint64_t frame_object(struct task_forge *t, uint64_t coroutine, enum forged_state state)
{
        const struct layout *l = t->layout;
        uint64_t frame = forge_alloc(t->forge, LAYOUT_MAX_FRAME), slots = forge_alloc(t->forge, 8 * SLOTS + 8);

        forge_word(t->forge, coroutine + l->coroutine.frame, state == FORGED_DONE ? 0 : frame);
        forge_word(t->forge, frame + l->coroutine.slots, slots);
        return frame;
}

uint64_t task_forge_coroutine(struct task_forge *t, uint64_t type, uint64_t code, enum forged_state state,
                              uint64_t awaited)
{
        const struct layout *l = t->layout;
        uint64_t coroutine = threading_object(&t->threading, type, 512), frame;
        const int8_t states[] = { l->coroutine.created, awaited ? l->coroutine.awaits : l->coroutine.created + 1,
                                  l->version >= 0x030f ? 4 : 0, l->version >= 0x030f ? 5 : 1 };

        if (l->coroutine.state == LAYOUT_NONE) {
                frame = frame_object(t, coroutine, state);
                if (state == FORGED_DONE)
                        return coroutine;
        } else {
                *forge_at(t->forge, coroutine + l->coroutine.state) = (uint8_t)states[state];
                frame = coroutine + l->coroutine.frame;
                *forge_at(t->forge, frame + l->frame.owner) = state == FORGED_DONE ? 0 : LAYOUT_OWNER_GENERATOR;
        }
        task_forge_recode(t, coroutine, code);
        put_depth(t, frame, state == FORGED_RUNS);
        task_forge_await(t, coroutine, awaited);
        if (state == FORGED_NEW && l->position <= POSITION_LASTI_UNITS)
                forge_half(t->forge, frame + l->frame.position, UINT32_MAX);
        return coroutine;
}

uint64_t task_forge_step(struct task_forge *t, uint64_t type, uint64_t inside)
{
        uint64_t step = threading_object(&t->threading, type, 64);

        forge_word(t->forge, step + layout_head(t->layout), inside);
        return step;
}

/* ---- tasks ------------------------------------------------------------------------------- */

uint64_t task_forge_task(struct task_forge *t, uint64_t coroutine, uint64_t name)
{
        const struct task_offsets *o = &t->places->offsets;
        uint64_t task = threading_object(&t->threading, t->types.task, o->size);

        forge_word(t->forge, task + o->coro, coroutine);
        forge_word(t->forge, task + o->name, name);
        return task;
}

uint64_t task_forge_future(struct task_forge *t)
{
        return threading_object(&t->threading, t->types.future, t->places->offsets.size);
}

void task_forge_awaiter(struct task_forge *t, uint64_t task, uint64_t awaiter)
{
        const struct task_offsets *o = &t->places->offsets;

        if (o->awaited_by != LAYOUT_NONE) {
                forge_word(t->forge, task + o->awaited_by, awaiter);
                return;
        }
        uint64_t callback = threading_object(&t->threading, t->types.other, 64);
        forge_word(t->forge, callback + o->wakeup, awaiter);
        forge_word(t->forge, task + o->callback, callback);
        forge_word(t->forge, awaiter + o->waiter, task);
}

uint64_t task_forge_set(struct task_forge *t, const uint64_t *keys, size_t n)
{
        uint64_t set = threading_object(&t->threading, t->types.other, 256), size = 8;

        while (size < n + 1)
                size *= 2;
        uint64_t table = forge_alloc(t->forge, size * 16), at = set + layout_head(t->layout);
        for (size_t i = 0; i < n; i++)
                forge_word(t->forge, table + 16 * i, keys[i]);
        forge_word(t->forge, at, n);
        forge_word(t->forge, at + 8, n);
        forge_word(t->forge, at + 16, size - 1);
        forge_word(t->forge, at + 24, table);
        return set;
}
