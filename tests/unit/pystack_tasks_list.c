/* SPDX-License-Identifier: Apache-2.0 */
/* All tasks of a process: lists and sets of each version, and forged ones, which take little and tell that they are cut. */
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_tasks_forge.h"
#include "tests/unit/support/suite.h"

#include "pystack/memory/effort.h"
#include "pystack/tasks/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_tasks_list);

#define TASKS 40

static struct task_forge t;
static uint64_t tasks[TASKS];

/* What was told. */
static struct {
        size_t n;
        uint64_t addresses[2 * TASKS];
        char names[2 * TASKS][64];
        struct pystack_tasks_seen seen;
} told;

static bool take_task(void *ctx, const struct pystack_task *task)
{
        (void)ctx;
        cr_assert_lt(told.n, 2 * TASKS);
        told.addresses[told.n] = task->address;
        snprintf(told.names[told.n++], sizeof *told.names, "%s", task->name);
        return true;
}

static int list(void)
{
        told.n = 0;
        t.forge->reads = 0;
        return pystack_tasks(t.py, 0, false, take_task, NULL, &told.seen);
}

static bool has_lists(void)
{
        return t.places->offsets.tasks != LAYOUT_NONE;
}

/* ---- making them ---------------------------------------------------------------------------------- */

/* A list of the first @n tasks, from that one on. */
static void link_tasks(uint64_t head, const uint64_t *some, size_t n)
{
        uint64_t before = head;

        for (size_t i = 0; i < n; i++) {
                uint64_t node = some[i] + t.places->offsets.node;
                forge_word(t.forge, before, node);
                before = node;
        }
        forge_word(t.forge, before, head);
}

/* An instance of a class of Python's, which has a dict of its own with the attribute `data`. */
static uint64_t weak_set(uint64_t set)
{
        const struct layout *l = t.layout;
        const struct forged_item item = { 1, threading_string(&t.threading, "data"), set };
        uint64_t dict = threading_dict(&t.threading, &item, 1, true);
        uint64_t object = threading_object(&t.threading, t.threading.types.thread, 512);

        if (l->names.attributes == ATTRIBUTES_DICT) {
                forge_word(t.forge, object + layout_head(l), dict);
                return object;
        }
        if (l->names.attributes == ATTRIBUTES_VALUES)
                forge_word(t.forge, object - l->names.dict_before - 8, 0);
        forge_word(t.forge, object - l->names.dict_before, dict);
        return object;
}

static uint64_t reference(uint64_t to)
{
        return task_forge_step(&t, t.types.other, to);
}

/* @n references to tasks, among others that have ended. */
static uint64_t set_of_references(size_t n)
{
        uint64_t keys[2 * TASKS + 1], none = threading_object(&t.threading, t.types.other, 64);

        for (size_t i = 0; i < n; i++) {
                keys[2 * i] = reference(tasks[i]);
                keys[2 * i + 1] = i % 2 ? reference(none) : 0;
        }
        return task_forge_set(&t, keys, 2 * n);
}

static void begin(const char *version)
{
        task_forge_init(&t, version);
        for (size_t i = 0; i < TASKS; i++) {
                char name[32];
                snprintf(name, sizeof name, "task-%zu", i);
                uint64_t of = task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_SUSPENDED, t.types.other);
                tasks[i] = task_forge_task(&t, of, threading_string(&t.threading, name));
        }
        if (has_lists()) {
                link_tasks(t.forge->tstate + TASKS_LIST, tasks, TASKS - 10);
                link_tasks(t.forge->interp + TASKS_OF_INTERP, tasks + TASKS - 10, 10);
        } else {
                t.places->modules[0].all = weak_set(set_of_references(TASKS - 10));
                t.places->modules[0].eager = task_forge_set(&t, tasks + TASKS - 11, 11); /* one is in both */
        }
}

static void expect_all(void)
{
        bool met[TASKS] = { false };

        cr_expect_eq(told.n, TASKS, "%s: %zu", t.forge->version->name, told.n);
        cr_expect_eq(told.seen.told, told.n);
        cr_expect_eq(told.seen.unread, 0);
        cr_expect(!told.seen.cut);
        for (size_t i = 0; i < told.n; i++)
                for (size_t j = 0; j < TASKS; j++) {
                        char name[32];
                        snprintf(name, sizeof name, "task-%zu", j);
                        if (told.addresses[i] != tasks[j])
                                continue;
                        cr_expect_str_eq(told.names[i], name);
                        cr_expect(!met[j]);
                        met[j] = true;
                }
}

Test(pystack_tasks_list, has_each_task_once)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                cr_expect_eq(list(), 0, "%s", v->name);
                expect_all();
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks_list, may_be_empty)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                if (has_lists()) {
                        link_tasks(t.forge->tstate + TASKS_LIST, NULL, 0);
                        link_tasks(t.forge->interp + TASKS_OF_INTERP, NULL, 0);
                } else {
                        t.places->modules[0].all = weak_set(task_forge_set(&t, NULL, 0));
                        t.places->modules[0].eager = 0;
                }
                cr_expect_eq(list(), 0, "%s", v->name);
                cr_expect(told.n == 0 && !told.seen.cut);
                task_forge_deinit(&t);
        }
}

/* A task whose memory was used for something else meanwhile is counted. */
Test(pystack_tasks_list, counts_what_is_no_task_any_more)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                forge_word(t.forge, tasks[3] + t.places->offsets.coro, 0);
                cr_expect_eq(list(), 0, "%s", v->name);
                cr_expect_eq(told.seen.told, TASKS - 1, "%s", v->name);
                cr_expect_eq(told.seen.unread, 1, "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* ---- forged lists -------------------------------------------------------------------------------- */

/* Readings that a forged list takes beyond those of the tasks that there are. */
#define READS_MAX 20000

static void expect_cut(const char *what)
{
        cr_expect_eq(list(), 0, "%s: %s", t.forge->version->name, what);
        cr_expect(told.seen.cut, "%s: %s", t.forge->version->name, what);
        cr_expect_leq(told.n, TASKS);
        cr_expect_leq(t.forge->reads, READS_MAX, "%s: %s: %u", t.forge->version->name, what, t.forge->reads);
}

Test(pystack_tasks_list, that_goes_in_a_circle_is_cut)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                if (has_lists()) {
                        uint64_t node = t.places->offsets.node;
                        forge_word(t.forge, tasks[20] + node, tasks[10] + node);
                        expect_cut("back into its middle");
                        cr_expect_eq(told.n, 21 + 10);
                        forge_word(t.forge, tasks[20] + node, tasks[20] + node);
                        expect_cut("a node that is its own next");
                        forge_word(t.forge, tasks[20] + node, t.forge->interp + TASKS_OF_INTERP);
                        expect_cut("into the other list, which does not lead back");
                }
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks_list, that_leads_nowhere_is_cut)
{
        static const uint64_t values[] = { 0, 8, UINT64_MAX, UINT64_MAX - 7, FORGE_BASE + FORGE_SIZE - 4 };

        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                for (size_t i = 0; has_lists() && i < sizeof values / sizeof *values; i++) {
                        forge_word(t.forge, tasks[5] + t.places->offsets.node, values[i]);
                        expect_cut("nowhere");
                }
                task_forge_deinit(&t);
        }
}

/* 2^40 entries, a table that is nowhere, a million entries that all are something else, a set that is none. */
Test(pystack_tasks_list, of_a_forged_set_is_cut)
{
        static const struct {
                uint64_t mask, table;
        } rows[] = {
                { ((uint64_t)1 << 40) - 1, 0 }, { UINT64_MAX, 0 },
                { UINT64_MAX - 1, 0 },          { 63, 8 },
                { 63, UINT64_MAX - 15 },        { (1 << 20) - 1, 0 },
                { (1 << 20) - 1, FORGE_BASE },  { (1 << 18) - 1, FORGE_BASE },
        };

        EACH_TASK_VERSION(v)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                begin(v->name);
                if (!has_lists()) {
                        uint64_t set = set_of_references(TASKS - 10), at = set + layout_head(t.layout);
                        t.places->modules[0].all = weak_set(set);
                        t.places->modules[0].eager = 0;
                        forge_word(t.forge, at + 16, rows[i].mask);
                        if (rows[i].table)
                                forge_word(t.forge, at + 24, rows[i].table);
                        uint64_t begin_ns = effort_cpu_ns();
                        cr_expect_eq(list(), 0, "%s", v->name);
                        cr_expect(told.seen.cut || rows[i].mask == (1 << 18) - 1, "%s: %zu", v->name, i);
                        cr_expect_lt(effort_cpu_ns() - begin_ns, 4000000000u, "%s: %zu", v->name, i);
                        cr_expect_leq(t.forge->reads, 3000000, "%s: %zu: %u", v->name, i, t.forge->reads);
                }
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks_list, of_a_weak_set_that_is_none_has_no_tasks)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                if (!has_lists()) {
                        const uint64_t values[] = { 8, UINT64_MAX, t.types.other, t.forge->interp };
                        for (size_t i = 0; i < 4; i++) {
                                t.places->modules[0].all = values[i];
                                int e = list();
                                cr_expect(e == PYSTACK_E_CORRUPT || (e == 0 && told.seen.cut), "%s: %zu %d", v->name, i,
                                          e);
                                cr_expect_leq(t.forge->reads, READS_MAX);
                        }
                }
                task_forge_deinit(&t);
        }
}

/* ---- while it changes ---------------------------------------------------------------------------- */

/* Takes a task out of its list just when its node is read. */
static void take_out(struct forge *forge, size_t span, size_t n)
{
        static unsigned reads;

        (void)span;
        (void)n;
        if (++reads == 25)
                forge_word(forge, tasks[12] + t.places->offsets.node, 0);
        if (reads == 40)
                forge_word(forge, tasks[12] + t.places->offsets.node, tasks[13] + t.places->offsets.node);
}

Test(pystack_tasks_list, is_walked_anew_if_it_changes)
{
        begin("3.14");
        t.forge->between = take_out;
        cr_expect_eq(list(), 0);
        expect_all();
        task_forge_deinit(&t);
}

Test(pystack_tasks_list, takes_no_more_than_it_may)
{
        begin("3.14");
        cr_expect_eq(pystack_tasks(t.py, 1, false, take_task, NULL, &told.seen), PYSTACK_E_COSTLY);
        task_forge_deinit(&t);
}
