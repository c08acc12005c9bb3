/* SPDX-License-Identifier: Apache-2.0 */
/* Where a process has its tasks, by its modules: found, not there yet, of a kind that nobody knows, or forged. */
#include "tests/unit/pystack_tasks_forge.h"
#include "tests/unit/support/suite.h"

SUITE(pystack_tasks_places);

/* Readings that forged modules take at most: PLACES_READS in places.c. */
#define READS_MAX 20100

static struct task_forge t;
static uint64_t current, all, eager;

/* Versions that do not publish where a Task has what: of others a file tells it, which forged ones have not. */
#define EACH_OLD(v)          \
        EACH_TASK_VERSION(v) \
        if (v->version < 0x030e0000)

/* sys.modules['_asyncio'] with these entries, behind others. */
static uint64_t make_module(const struct forged_item *items, size_t n)
{
        const struct layout *l = t.layout;
        uint64_t module = threading_object(&t.threading, t.threading.types.module, 64);

        forge_word(t.forge, module + layout_head(l), threading_dict(&t.threading, items, n, true));
        forge_word(t.forge, t.forge->interp + l->names.modules, threading_namespace(&t.threading, "_asyncio", module));
        return module;
}

static struct forged_item entry(const char *name, uint64_t value)
{
        return (struct forged_item){ 1, threading_string(&t.threading, name), value };
}

static void begin(const char *version)
{
        task_forge_init(&t, version);
        uint32_t size = t.places->offsets.size;
        forge_word(t.forge, t.types.task + t.layout->names.type_size, size);
        current = threading_dict(&t.threading, NULL, 0, false);
        all = threading_object(&t.threading, t.types.other, 64);
        eager = task_forge_set(&t, NULL, 0);
        bool two_sets = t.layout->version >= 0x030c;
        const struct forged_item items[] = {
                entry("isfuture", t.types.other),
                entry("Task", t.types.task),
                entry("Future", t.types.future),
                entry("_current_tasks", current),
                entry(two_sets ? "_scheduled_tasks" : "_all_tasks", all),
                entry(two_sets ? "_eager_tasks" : "_leave_task", eager),
        };
        make_module(items, 6);
        t.forge->reads = 0;
}

static int read_places(void)
{
        t.forge->reads = 0;
        int e = pystack_tasks_read(t.py, NULL, NULL, NULL);

        cr_expect_leq(t.forge->reads, READS_MAX, "%s: %u", t.forge->version->name, t.forge->reads);
        if (e == 0)
                t.places = &t.py->tasks.state->places;
        return e;
}

Test(pystack_tasks_places, are_those_of_the_module)
{
        EACH_OLD(v)
        {
                begin(v->name);
                uint32_t size = t.places->offsets.size, coro = t.places->offsets.coro;
                cr_expect_eq(read_places(), 0, "%s", v->name);
                cr_expect_eq(t.places->n, 1);
                const struct task_module *m = &t.places->modules[0];
                cr_expect(m->interp == t.forge->interp && m->task_type == t.types.task &&
                          m->future_type == t.types.future);
                cr_expect(m->current == current && m->all == all, "%s", v->name);
                cr_expect_eq(m->eager, v->version >= 0x030c0000 ? eager : 0, "%s", v->name);
                cr_expect(t.places->offsets.size == size && t.places->offsets.coro == coro);
                task_forge_deinit(&t);
        }
}

/* asyncio was not imported, or is just being imported. */
Test(pystack_tasks_places, may_not_be_there_yet)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                const struct forged_item half[] = { entry("Task", t.types.task), entry("isfuture", t.types.other) };
                make_module(half, 2);
                cr_expect_eq(read_places(), PYSTACK_E_NOT_READY, "%s", v->name);
                forge_word(t.forge, t.forge->interp + t.layout->names.modules,
                           threading_namespace(&t.threading, "_asynci0", t.types.other));
                cr_expect_eq(read_places(), PYSTACK_E_NOT_READY, "%s", v->name);
                cr_expect_not_null(t.py->tasks.state, "what was known stays");
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks_places, of_a_task_of_another_size_are_not_known)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                uint64_t sizes[] = { 0, 8, t.places->offsets.size + 8, (uint64_t)1 << 40, UINT64_MAX };
                for (size_t i = 0; i < 5; i++) {
                        forge_word(t.forge, t.types.task + t.layout->names.type_size, sizes[i]);
                        cr_expect_eq(read_places(), PYSTACK_E_UNSUPPORTED, "%s: %zu", v->name, i);
                }
                task_forge_deinit(&t);
        }
}

static bool refuse_lock(void *ctx)
{
        ++*(unsigned *)ctx;
        return false;
}

static void count_unlock(void *ctx)
{
        *(unsigned *)ctx += 100;
}

/* A target that does not answer: what was known stays. */
Test(pystack_tasks_places, are_not_changed_without_the_lock)
{
        EACH_OLD(v)
        {
                begin(v->name);
                const struct pystack_tasks_state *before = t.py->tasks.state;
                unsigned calls = 0;
                cr_expect_eq(pystack_tasks_read(t.py, refuse_lock, count_unlock, &calls), PYSTACK_E_HANGS, "%s",
                             v->name);
                cr_expect_eq(calls, 1);
                cr_expect_eq(t.py->tasks.state, before);
                task_forge_deinit(&t);
        }
}

/* Without a file that tells, a version that publishes its offsets is not guessed. */
Test(pystack_tasks_places, are_not_guessed)
{
        EACH_TASK_VERSION(v)
        {
                if (v->version < 0x030e0000)
                        continue;
                begin(v->name);
                cr_expect_eq(read_places(), PYSTACK_E_UNSUPPORTED, "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* ---- forged modules ------------------------------------------------------------------------------ */

Test(pystack_tasks_places, of_forged_modules_are_none)
{
        EACH_TASK_VERSION(v)
        {
                const uint64_t values[] = { 0, 8, UINT64_MAX, FORGE_BASE + FORGE_SIZE - 8 };
                for (size_t i = 0; i < 4; i++) {
                        begin(v->name);
                        const struct forged_item items[] = { entry("Task", values[i]),
                                                             entry("Future", t.types.future) };
                        uint64_t module = make_module(items, 2);
                        cr_expect_neq(read_places(), 0, "%s: %zu", v->name, i);
                        forge_word(t.forge, module + layout_head(t.layout), values[i]);
                        cr_expect_neq(read_places(), 0, "%s: %zu", v->name, i);
                        forge_word(t.forge, module + t.layout->object_type, values[i]);
                        cr_expect_neq(read_places(), 0, "%s: %zu", v->name, i);
                        forge_word(t.forge, t.forge->interp + t.layout->names.modules, values[i]);
                        cr_expect_neq(read_places(), 0, "%s: %zu", v->name, i);
                        task_forge_deinit(&t);
                }
        }
}

Test(pystack_tasks_places, a_row_of_interpreters_without_end_is_cut)
{
        EACH_OLD(v)
        {
                begin(v->name);
                forge_word(t.forge, t.forge->interp + t.layout->interp.next, t.forge->interp);
                int e = read_places();
                cr_expect(e == 0 || e == PYSTACK_E_COSTLY, "%s: %d", v->name, e);
                cr_expect_leq(t.places->n, TASK_INTERPRETERS_MAX);
                task_forge_deinit(&t);
        }
}

/* A dict of modules that claims to have 2^40 entries. */
Test(pystack_tasks_places, of_a_forged_dict_take_little)
{
        EACH_TASK_VERSION(v)
        {
                begin(v->name);
                uint64_t modules = word_at(forge_at(t.forge, t.forge->interp + t.layout->names.modules), 0);
                forge_word(t.forge, threading_count_of(&t.threading, modules), (uint64_t)1 << 40);
                cr_expect_neq(read_places(), 0, "%s", v->name);
                cr_expect_leq(t.forge->reads, 200, "%s: %u", v->name, t.forge->reads);
                task_forge_deinit(&t);
        }
}
