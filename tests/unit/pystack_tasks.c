/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that are read: their names, and who awaits them; of each version, and forged ones. */
#include "tests/unit/pystack_names.h"
#include "tests/unit/pystack_tasks_forge.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_tasks);

/* System calls that a task takes at most, however it is forged, and bytes. */
#define READS_MAX 6000
#define BYTES_MAX (1u << 20)

static struct task_forge t;

static uint64_t coroutine(void)
{
        return task_forge_coroutine(&t, t.types.coroutine, t.code, FORGED_SUSPENDED, t.types.other);
}

static uint64_t task(const char *name)
{
        return task_forge_task(&t, coroutine(), threading_string(&t.threading, name));
}

static int read_task(uint64_t addr, bool all, struct task_object *ret)
{
        task_forge_begin(&t);
        int e = task_read(t.reader, addr, all, ret);

        cr_expect_leq(t.forge->reads, READS_MAX);
        cr_expect_leq(t.bytes_read, BYTES_MAX);
        return e;
}

/* The label of the task; NULL: it has none that can be read. */
static const char *read_label(uint64_t addr)
{
        static struct pystack_text text;
        struct task_object object;
        const struct pystack_code *label;

        if (read_task(addr, false, &object) != 0 || tasks_label(t.reader, &object, &label) != 0)
                return NULL;
        cr_expect_leq(t.bytes_read, BYTES_MAX);
        pystack_text(label, &text);
        cr_expect_str_eq(text.file, "");
        return text.name;
}

static bool knows_all_awaiters(const struct forge_version *v)
{
        return v->version >= 0x030e0000;
}

Test(pystack_tasks, have_a_name_and_a_coroutine)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                struct task_object object;
                uint64_t of = coroutine(), name = threading_string(&t.threading, "fetch-7");
                uint64_t addr = task_forge_task(&t, of, name);
                cr_expect_eq(read_task(addr, true, &object), 0, "%s", v->name);
                cr_expect_eq(object.coroutine, of);
                cr_expect_eq(object.name, name);
                cr_expect_eq(object.n_awaiters, 0);
                cr_expect(!object.more_awaiters);
                cr_expect_str_eq(read_label(addr), "task fetch-7", "%s", v->name);
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks, without_a_name_of_their_own_have_a_number)
{
        EACH_TASK_VERSION(v)
        {
                if (v->version < 0x030c0000)
                        continue;
                task_forge_init(&t, v->name);
                uint64_t addr = task_forge_task(&t, coroutine(), threading_int(&t.threading, 4711));
                cr_expect_str_eq(read_label(addr), "task Task-4711", "%s", v->name);
                addr = task_forge_task(&t, coroutine(), threading_int(&t.threading, (5ull << 30) + 3));
                cr_expect_str_eq(read_label(addr), "task Task-5368709123", "%s", v->name);
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks, of_a_class_of_tasks_are_tasks)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t class = threading_type(&t.threading, "Kept", 1 << 9), addr = task("kept");
                forge_word(t.forge, class + t.layout->names.type_name + 232, t.types.task); /* tp_base */
                forge_word(t.forge, addr + t.layout->object_type, class);
                cr_expect_str_eq(read_label(addr), "task kept", "%s", v->name);
                /* A class that is its own base is no class of tasks. */
                forge_word(t.forge, class + t.layout->names.type_name + 232, class);
                cr_expect_null(read_label(addr), "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* A class of the program's may be called as it likes. */
Test(pystack_tasks, are_told_from_classes_of_the_same_name)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t class = threading_type(&t.threading, "coroutine", 1 << 9), false_task = task("x");
                forge_word(t.forge, false_task + t.layout->object_type,
                           threading_type(&t.threading, "_asyncio.Task", 1 << 9));
                cr_expect_null(read_label(false_task), "%s", v->name);
                uint64_t of = coroutine();
                forge_word(t.forge, of + t.layout->object_type, class);
                task_forge_begin(&t);
                cr_expect_eq(coroutine_follow(t.reader, of), PYSTACK_E_CORRUPT, "%s", v->name);
                task_forge_deinit(&t);
        }
}

/* ---- who awaits them ---------------------------------------------------------------------------- */

Test(pystack_tasks, are_awaited_by_a_task)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                struct task_object object;
                uint64_t inner = task("inner"), outer = task("outer");
                task_forge_awaiter(&t, inner, outer);
                cr_expect_eq(read_task(inner, false, &object), 0);
                cr_expect_eq(object.n_awaiters, 1, "%s", v->name);
                cr_expect_eq(object.awaiters[0], outer, "%s", v->name);
                cr_expect(!object.more_awaiters);
                task_forge_deinit(&t);
        }
}

/* Up to 3.13 a callback may be of a task that awaits something else by now, or of something that is no task. */
Test(pystack_tasks, are_awaited_only_by_a_task_that_says_so)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                struct task_object object;
                uint64_t inner = task("inner"), outer = task("outer");
                task_forge_awaiter(&t, inner, outer);
                if (knows_all_awaiters(v)) {
                        task_forge_deinit(&t);
                        continue;
                }
                forge_word(t.forge, outer + t.places->offsets.waiter, task("other"));
                cr_expect_eq(read_task(inner, true, &object), 0);
                cr_expect_eq(object.n_awaiters, 0, "%s", v->name);
                forge_word(t.forge, outer + t.places->offsets.waiter, inner);
                forge_word(t.forge, outer + t.layout->object_type, t.types.future);
                cr_expect_eq(read_task(inner, true, &object), 0);
                cr_expect_eq(object.n_awaiters, 0, "%s", v->name);
                /* A callback that cannot be read tells of no task. */
                forge_word(t.forge, inner + t.places->offsets.callback, 8);
                cr_expect_eq(read_task(inner, true, &object), 0);
                cr_expect_eq(object.n_awaiters, 0, "%s", v->name);
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks, are_awaited_through_futures)
{
        EACH_TASK_VERSION(v)
        {
                if (!knows_all_awaiters(v))
                        continue;
                task_forge_init(&t, v->name);
                struct task_object object;
                uint64_t inner = task("inner"), outer = task("outer"), gathering = task_forge_future(&t);
                task_forge_awaiter(&t, inner, gathering);
                task_forge_awaiter(&t, gathering, outer);
                cr_expect_eq(read_task(inner, false, &object), 0);
                cr_expect(object.n_awaiters == 1 && object.awaiters[0] == outer, "%s", v->name);
                /* A future that awaits itself. */
                task_forge_awaiter(&t, gathering, gathering);
                cr_expect_eq(read_task(inner, false, &object), 0);
                cr_expect(object.n_awaiters == 0 && object.more_awaiters, "%s", v->name);
                task_forge_deinit(&t);
        }
}

static void expect_awaiters_of_set(uint64_t inner, const uint64_t *keys, size_t n, size_t told, bool more)
{
        struct task_object object;

        forge_word(t.forge, inner + t.places->offsets.awaited_by, task_forge_set(&t, keys, n));
        *forge_at(t.forge, inner + t.places->offsets.awaited_by_is_set) = 1;
        cr_expect_eq(read_task(inner, true, &object), 0);
        cr_expect_eq(object.n_awaiters, told, "%zu of %zu", object.n_awaiters, told);
        cr_expect_eq(object.more_awaiters, more);
        cr_expect_eq(read_task(inner, false, &object), 0);
        cr_expect(object.n_awaiters == 0 && object.more_awaiters);
}

Test(pystack_tasks, may_be_awaited_by_a_set_of_tasks)
{
        EACH_TASK_VERSION(v)
        {
                if (!knows_all_awaiters(v))
                        continue;
                task_forge_init(&t, v->name);
                uint64_t keys[200];
                for (size_t i = 0; i < 200; i++)
                        keys[i] = i % 10 == 3 ? t.threading.types.dict : i % 10 == 4 ? 8 : task("a");
                expect_awaiters_of_set(task("inner"), keys, 3, 3, false);
                expect_awaiters_of_set(task("inner"), keys, 20, PYSTACK_AWAITERS_MAX, false);
                expect_awaiters_of_set(task("inner"), keys, 200, PYSTACK_AWAITERS_MAX, true);
                task_forge_deinit(&t);
        }
}

/* A mask of 2^40, of all ones, a table nowhere, and one in the middle of nothing. */
Test(pystack_tasks, with_a_forged_set_of_awaiters_are_bounded)
{
        static const struct {
                uint64_t mask, table;
                int e;
                bool more;
        } rows[] = {
                { ((uint64_t)1 << 40) - 1, 0, 0, true },
                { UINT64_MAX, 0, 0, true },
                { 1024, 0, 0, true },
                { 7, 8, PYSTACK_E_CORRUPT, false },
                { 1023, FORGE_BASE + FORGE_SIZE - 16, PYSTACK_E_CORRUPT, false },
                { 7, UINT64_MAX - 31, PYSTACK_E_CORRUPT, false },
        };

        EACH_TASK_VERSION(v)
        for (size_t i = 0; knows_all_awaiters(v) && i < sizeof rows / sizeof *rows; i++) {
                task_forge_init(&t, v->name);
                struct task_object object;
                uint64_t inner = task("inner"), key = task("a"), set = task_forge_set(&t, &key, 1);
                forge_word(t.forge, inner + t.places->offsets.awaited_by, set);
                *forge_at(t.forge, inner + t.places->offsets.awaited_by_is_set) = 1;
                forge_word(t.forge, set + layout_head(t.layout) + 16, rows[i].mask);
                if (rows[i].table)
                        forge_word(t.forge, set + layout_head(t.layout) + 24, rows[i].table);
                cr_expect_eq(read_task(inner, true, &object), rows[i].e, "%s: %zu", v->name, i);
                if (rows[i].e == 0)
                        cr_expect_eq(object.more_awaiters, rows[i].more);
                task_forge_deinit(&t);
        }
}

/* ---- odd names ---------------------------------------------------------------------------------- */

Test(pystack_tasks, with_a_name_of_a_megabyte_have_its_beginning)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                char *name = malloc(1 << 20);
                cr_assert(name);
                memset(name, 'n', (1 << 20) - 1);
                name[(1 << 20) - 1] = '\0';
                const char *label = read_label(task(name));
                cr_assert(label, "%s", v->name);
                cr_expect_eq(strspn(label + 5, "n"), 256, "%s", v->name);
                cr_expect_leq(strlen(label), 300);
                cr_expect_leq(t.bytes_read, 4096);
                free(name);
                task_forge_deinit(&t);
        }
}

/* A name may be any object, if somebody has overwritten it. */
Test(pystack_tasks, whose_name_is_no_str_have_none)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t str = threading_string(&t.threading, "name");
                const uint64_t names[] = {
                        0,      8,         UINT64_MAX - 3,        t.types.task,
                        t.code, task("x"), task_forge_future(&t), threading_object(&t.threading, 8, 64),
                        str
                };
                size_t n = sizeof names / sizeof *names;
                forge_word(t.forge, str + t.layout->string.length, (uint64_t)1 << 62);
                for (size_t i = 0; i < n - 1; i++)
                        cr_expect_null(read_label(task_forge_task(&t, coroutine(), names[i])), "%s: %zu", v->name, i);
                /* That str is longer than memory: its beginning is read, or nothing. */
                const char *label = read_label(task_forge_task(&t, coroutine(), str));
                cr_expect(!label || strncmp(label, "task name", 9) == 0, "%s", v->name);
                task_forge_deinit(&t);
        }
}

Test(pystack_tasks, with_control_characters_in_their_names_are_escaped)
{
        task_forge_init(&t, "3.12");
        cr_expect_str_eq(read_label(task("a;b\nc\x1b[2J")), "task a;b\\x0ac\\x1b[2J");
        task_forge_deinit(&t);
}

/* Whatever stands in its fields: an error, or what the memory says; bounded. */
Test(pystack_tasks, with_any_word_forged_are_bounded)
{
        EACH_TASK_VERSION(v)
        {
                task_forge_init(&t, v->name);
                uint64_t inner = task("inner"), outer = task("outer");
                task_forge_awaiter(&t, inner, outer);
                const uint64_t values[] = { 0, 1, UINT64_MAX, inner, outer, t.types.task, t.code, (uint64_t)1 << 40 };
                for (size_t i = 0; i < 32 * 8; i++) {
                        uint64_t at = inner + 8 * (i % 32), before = word_at(forge_at(t.forge, at), 0);
                        struct task_object object;
                        forge_word(t.forge, at, values[i / 32]);
                        int e = read_task(inner, true, &object);
                        cr_expect(e >= 0 && e != PYSTACK_E_GONE, "%s: %d", v->name, e);
                        cr_expect(e != 0 || object.n_awaiters == 0 || object.awaiters[0] == outer ||
                                          object.awaiters[0] == inner,
                                  "%s", v->name);
                        (void)read_label(inner);
                        forge_word(t.forge, at, before);
                }
                cr_expect_str_eq(read_label(inner), "task inner");
                task_forge_deinit(&t);
        }
}
