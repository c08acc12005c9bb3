/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a Task: its coroutine, its name, and which tasks await it. */
#include "reader.h"

#include <string.h>

/* Futures between two tasks that are passed through: such as that of a gather(). */
#define FUTURES_MAX 8

/* fut_callbacks lies behind fut_callback0 and its context. */
#define CALLBACKS_AFTER 16

int task_kind_at(struct task_reader *r, uint64_t addr, enum task_kind *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        uint64_t type;
        int e = trail_word(&r->trail, addr + l->object_type, &type);

        return e == 0 ? task_kind_of(&r->kinds, &r->py->memory, l, r->places, type, ret) : e;
}

static void add_awaiter(struct task_object *task, uint64_t awaiter)
{
        if (task->n_awaiters < PYSTACK_AWAITERS_MAX)
                task->awaiters[task->n_awaiters++] = awaiter;
        else
                task->more_awaiters = true;
}

/* ---- up to 3.13: by what is called when the task is done ---------------------------------- */

/* fut_callback0 wakes a task, and that task says that it awaits this one. Other callbacks tell of no task. */
static int read_woken(struct task_reader *r, uint64_t callback, struct task_object *task)
{
        const struct task_offsets *o = &r->places->offsets;
        uint64_t woken, waiter;
        enum task_kind kind;

        if (trail_word(&r->trail, callback + o->wakeup, &woken) != 0 || !woken || task_kind_at(r, woken, &kind) != 0 ||
            kind != KIND_TASK)
                return 0;
        int e = trail_word(&r->trail, woken + o->waiter, &waiter);
        if (e == 0 && waiter == task->address)
                add_awaiter(task, woken);
        return e;
}

/* PyListObject behind its head: a size and the items' address. PyTupleObject: a size, and the items. */
enum { LIST_SIZE = 0, LIST_ITEMS = 8, TUPLE_ITEMS = 8 };

/* fut_callbacks: the callbacks behind the first one, as tuples of a callback and its context. */
static int read_woken_by_list(struct task_reader *r, uint64_t list, struct task_object *task)
{
        uint32_t head = layout_head(&r->py->runtime.layout);
        const uint8_t *fields, *items;
        int e = trail_read(&r->trail, list + head, 16, &fields);

        if (e != 0)
                return e;
        uint64_t n = word_at(fields, LIST_SIZE);
        if (n > PYSTACK_AWAITERS_MAX) {
                task->more_awaiters = true;
                n = PYSTACK_AWAITERS_MAX;
        }
        e = n > 0 ? trail_read(&r->trail, word_at(fields, LIST_ITEMS), n * 8, &items) : 0;
        for (uint64_t i = 0; e == 0 && i < n; i++) {
                uint64_t callback;
                e = trail_word(&r->trail, word_at(items, (uint32_t)i * 8) + head + TUPLE_ITEMS, &callback);
                if (e == 0)
                        e = read_woken(r, callback, task);
        }
        return e;
}

/* ---- from 3.14 on: as the task says ------------------------------------------------------- */

/* Entries of a set of awaiters that are looked at. */
#define SET_ENTRIES_MAX 1024

static int add_awaiters_of_set(struct task_reader *r, uint64_t set, struct task_object *task)
{
        const uint8_t *fields, *entries;
        int e = trail_read(&r->trail, set + layout_head(&r->py->runtime.layout), SET_END, &fields);

        if (e != 0)
                return e;
        uint64_t n = word_at(fields, SET_MASK) + 1;
        if (n == 0 || n > SET_ENTRIES_MAX) {
                task->more_awaiters = true;
                return 0;
        }
        e = trail_read(&r->trail, word_at(fields, SET_TABLE), n * SET_ENTRY, &entries);
        for (uint64_t i = 0; e == 0 && i < n; i++) {
                uint64_t key = word_at(entries, (uint32_t)(i * SET_ENTRY));
                enum task_kind kind = KIND_OTHER;
                /* The key of an entry that was removed is no task. */
                if (key && task_kind_at(r, key, &kind) == 0 && kind == KIND_TASK)
                        add_awaiter(task, key);
        }
        return e;
}

/* What awaits the future at @addr: nothing, one object, or a set of them. */
static int read_awaited_by(struct task_reader *r, uint64_t addr, uint64_t *ret, bool *ret_is_set)
{
        const struct task_offsets *o = &r->places->offsets;
        const uint8_t *is_set = NULL;
        int e = trail_word(&r->trail, addr + o->awaited_by, ret);

        if (e == 0)
                e = trail_read(&r->trail, addr + o->awaited_by_is_set, 1, &is_set);
        *ret_is_set = e == 0 && is_set && *is_set & 1;
        return e;
}

/* Passes through futures that are no tasks, as long as each has one awaiter. */
static int read_awaiters(struct task_reader *r, bool all, struct task_object *task)
{
        uint64_t at = task->address, awaiter;

        for (unsigned i = 0; i < FUTURES_MAX; i++) {
                enum task_kind kind;
                bool is_set;
                int e = read_awaited_by(r, at, &awaiter, &is_set);
                if (e != 0 || !awaiter)
                        return e;
                if (is_set) {
                        task->more_awaiters = !all;
                        return all ? add_awaiters_of_set(r, awaiter, task) : 0;
                }
                if ((e = task_kind_at(r, awaiter, &kind)) != 0)
                        return e;
                if (kind == KIND_TASK)
                        add_awaiter(task, awaiter);
                if (kind != KIND_FUTURE)
                        return 0;
                at = awaiter;
        }
        task->more_awaiters = true;
        return 0;
}

/* ---- the task ------------------------------------------------------------------------------- */

int task_read(struct task_reader *r, uint64_t addr, bool all, struct task_object *ret)
{
        const struct layout *l = &r->py->runtime.layout;
        const struct task_offsets *o = &r->places->offsets;
        const uint8_t *bytes;
        enum task_kind kind;
        int e = trail_read(&r->trail, addr + l->object_type, o->size - l->object_type, &bytes);

        *ret = (struct task_object){ .address = addr };
        if (e == 0)
                e = task_kind_of(&r->kinds, &r->py->memory, l, r->places, word_at(bytes, 0), &kind);
        if (e == 0 && kind != KIND_TASK)
                e = PYSTACK_E_CORRUPT;
        if (e != 0)
                return e;
        ret->coroutine = word_at(bytes, o->coro - l->object_type);
        ret->name = word_at(bytes, o->name - l->object_type);
        ret->waiter = word_at(bytes, o->waiter - l->object_type);
        if (!ret->coroutine)
                return PYSTACK_E_CORRUPT;
        if (o->awaited_by != LAYOUT_NONE)
                return read_awaiters(r, all, ret);
        uint64_t callback = word_at(bytes, o->callback - l->object_type);
        uint64_t list = word_at(bytes, o->callback + CALLBACKS_AFTER - l->object_type);
        if (callback)
                e = read_woken(r, callback, ret);
        return e == 0 && list ? read_woken_by_list(r, list, ret) : e;
}
