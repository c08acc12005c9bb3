/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From 3.14 on each thread state has a list of its tasks, and the interpreter has one of those whose thread has ended. Before
 * that a WeakSet has all, and a set those that have begun eagerly.
 *
 * The lists change meanwhile. A node that is taken out of its list leads nowhere, and then the list is walked anew.
 */
#include "collect.h"

#include "pystack/decode/attribute.h"
#include "pystack/memory/effort.h"
#include "pystack/threads/interpreter.h"

#include <errno.h>
#include <stdlib.h>

/* How often a list is walked that changes meanwhile. */
#define WALKS_MAX 8

/*
 * Readings, and ns of CPU time of the calling thread. A task takes a reading, and up to 3.13 three of them: some 1 us each.
 * What is not found within them is cut.
 */
#define COLLECT_READS (4 * PYSTACK_TASKS_MAX)
#define COLLECT_CPU_NS 2000000000u

static bool is_full(const struct task_addresses *a)
{
        return a->n == PYSTACK_TASKS_MAX;
}

static int add_task(struct task_addresses *a, uint64_t task, uint64_t tstate)
{
        bool again;

        a->cut = a->cut || is_full(a);
        if (is_full(a) || task == 0)
                return 0;
        int e = address_set_add(&a->known, task, &again);
        if (e != 0 || again)
                return e;
        if (a->n == a->cap) {
                size_t cap = a->cap ? 2 * a->cap : 64;
                struct task_address *items = realloc(a->items, cap * sizeof *items);
                if (!items)
                        return -ENOMEM;
                a->items = items;
                a->cap = cap;
        }
        a->items[a->n++] = (struct task_address){ .task = task, .tstate = tstate };
        return 0;
}

void task_addresses_deinit(struct task_addresses *a)
{
        address_set_deinit(&a->known);
        free(a->items);
        *a = (struct task_addresses){ 0 };
}

/* ---- lists, 3.14 on ----------------------------------------------------------------------------- */

/*
 * Walks the list once. struct llist_node begins with next (Include/internal/pycore_llist.h). *@ret_whole: to its end. Each
 * of the tasks that are known may be met once, or the list goes in a circle.
 */
static int walk_list_once(struct task_reader *r, uint64_t head, uint64_t tstate, struct task_addresses *a,
                          bool *ret_whole)
{
        uint64_t node;
        size_t known = a->n;
        int e = remote_read_word(a->memory, head, &node);

        *ret_whole = false;
        for (size_t i = 0; e == 0 && node && node != head && i <= a->n + known; i++) {
                e = add_task(a, node - r->places->offsets.node, tstate);
                if (e == 0)
                        e = remote_read_word(a->memory, node, &node);
        }
        *ret_whole = e == 0 && node == head;
        return e == PYSTACK_E_CORRUPT ? 0 : e;
}

static int walk_list(struct task_reader *r, uint64_t head, uint64_t tstate, struct task_addresses *a)
{
        bool whole = false;
        int e = 0;

        for (unsigned i = 0; e == 0 && !whole && !is_full(a) && i < WALKS_MAX; i++)
                e = walk_list_once(r, head, tstate, a, &whole);
        a->cut = a->cut || !whole;
        return e;
}

struct lists {
        uint64_t *tstates;
        size_t n, cap;
};

static int note_tstate(void *ctx, uint64_t tstate, uint64_t interp, const uint8_t *bytes)
{
        struct lists *lists = ctx;

        (void)interp;
        (void)bytes;
        if (lists->n == lists->cap) {
                size_t cap = lists->cap ? 2 * lists->cap : 16;
                uint64_t *tstates = realloc(lists->tstates, cap * sizeof *tstates);
                if (!tstates)
                        return -ENOMEM;
                lists->tstates = tstates;
                lists->cap = cap;
        }
        lists->tstates[lists->n++] = tstate;
        return 0;
}

static int walk_lists(struct task_reader *r, struct task_addresses *a)
{
        const struct task_offsets *o = &r->places->offsets;
        struct lists lists = { 0 };
        int e = interpreter_walk(r->py, note_tstate, &lists);

        for (size_t i = 0; e == 0 && i < lists.n; i++)
                e = walk_list(r, lists.tstates[i] + o->tasks, lists.tstates[i], a);
        for (size_t i = 0; e == 0 && i < r->places->n; i++)
                e = walk_list(r, r->places->modules[i].interp + o->interp_tasks, 0, a);
        free(lists.tstates);
        return e;
}

/* ---- sets, up to 3.13 ------------------------------------------------------------------------------ */

/* Entries of a set of all tasks: it is at most full to three fifths. */
#define SET_ENTRIES_MAX ((uint64_t)4 * PYSTACK_TASKS_MAX)
#define ENTRIES_AT_ONCE 512

/* A key is a task, or with @weak a weak reference, whose first field is the task (PyWeakReference.wr_object). */
static int add_key(struct task_reader *r, uint64_t key, bool weak, struct task_addresses *a)
{
        uint64_t task = key;
        enum task_kind kind = KIND_OTHER;
        uint64_t type;
        const struct layout *l = &r->py->runtime.layout;

        if (!key || (weak && remote_read_word(a->memory, key + layout_head(l), &task) != 0))
                return 0;
        /* The key of an entry that was removed is no task, and a reference to one that has ended is to None. */
        if (remote_read_word(a->memory, task + l->object_type, &type) != 0 ||
            task_kind_of(&r->kinds, a->memory, l, r->places, type, &kind) != 0 || kind != KIND_TASK)
                return 0;
        return add_task(a, task, 0);
}

static int walk_set_once(struct task_reader *r, uint64_t set, bool weak, struct task_addresses *a, bool *ret_whole)
{
        uint8_t fields[SET_END], again[SET_END], entries[ENTRIES_AT_ONCE * SET_ENTRY];
        uint64_t at = set + layout_head(&r->py->runtime.layout);
        int e = remote_read(a->memory, at, fields, sizeof fields);

        *ret_whole = false;
        uint64_t n = word_at(fields, SET_MASK) + 1;
        if (e != 0 || n == 0 || n > SET_ENTRIES_MAX)
                return e;
        for (uint64_t i = 0; e == 0 && i < n; i += ENTRIES_AT_ONCE) {
                uint64_t some = n - i < ENTRIES_AT_ONCE ? n - i : ENTRIES_AT_ONCE;
                e = remote_read(a->memory, word_at(fields, SET_TABLE) + i * SET_ENTRY, entries, some * SET_ENTRY);
                for (uint64_t j = 0; e == 0 && j < some; j++)
                        e = add_key(r, word_at(entries, (uint32_t)(j * SET_ENTRY)), weak, a);
        }
        if (e == 0)
                e = remote_read(a->memory, at, again, sizeof again);
        *ret_whole = e == 0 && word_at(again, SET_TABLE) == word_at(fields, SET_TABLE);
        return e == PYSTACK_E_CORRUPT ? 0 : e;
}

static int walk_set(struct task_reader *r, uint64_t set, bool weak, struct task_addresses *a)
{
        bool whole = false;
        int e = 0;

        for (unsigned i = 0; e == 0 && !whole && !is_full(a) && i < WALKS_MAX; i++)
                e = walk_set_once(r, set, weak, a, &whole);
        a->cut = a->cut || !whole;
        return e;
}

/* Lib/_weakrefset.py: a WeakSet has its references in the set `data`. */
static int walk_weak_set(struct task_reader *r, const struct task_module *m, struct task_addresses *a)
{
        struct attribute data = { .name = "data" };
        uint64_t set = 0;
        int e = PYSTACK_E_TORN;

        for (unsigned i = 0; e == PYSTACK_E_TORN && i < WALKS_MAX; i++) {
                trail_begin(&r->trail, a->memory);
                e = attribute_read(&r->trail, &r->py->runtime.layout, m->all, m->types.dict, &data, &set);
                if (e == 0)
                        e = trail_confirm(&r->trail);
        }
        return e == 0 ? walk_set(r, set, true, a) : e;
}

static int walk_sets(struct task_reader *r, struct task_addresses *a)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < r->places->n; i++) {
                const struct task_module *m = &r->places->modules[i];
                if (m->all)
                        e = walk_weak_set(r, m, a);
                if (e == 0 && m->eager)
                        e = walk_set(r, m->eager, false, a);
        }
        return e;
}

int task_addresses_collect(struct task_reader *r, struct task_addresses *ret)
{
        struct effort effort;
        struct pystack_memory memory = effort_begin_within(&effort, &r->py->memory, COLLECT_READS, COLLECT_CPU_NS);

        ret->memory = &memory;
        int e = r->places->offsets.tasks != LAYOUT_NONE ? walk_lists(r, ret) : walk_sets(r, ret);
        ret->memory = NULL;
        if (!effort_is_spent(&effort))
                return e;
        ret->cut = true;
        return e == PYSTACK_E_COSTLY ? 0 : e;
}
