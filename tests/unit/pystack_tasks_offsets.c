/* SPDX-License-Identifier: Apache-2.0 */
/* Where Tasks have what: tables as they were found in real modules, forged ones, and sizes that nobody knows. */
#include "pystack/tasks/places.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_tasks_offsets);

#define WORDS 13

/* .AsyncioDebug of Debian's 3.14 and 3.15. */
static const uint64_t table_3_14[WORDS] = { 168, 136, 96, 108, 109, 128, 152, 225864, 10880, 936, 864, 872, 880 };
static const uint64_t table_3_15[WORDS] = { 168, 136, 96, 108, 109, 128, 152, 226240, 10856, 1104, 1024, 1032, 1048 };

static int parse(const uint64_t *words, size_t len, uint64_t size, struct task_offsets *ret)
{
        return task_offsets_parse(guard_copy(words, len), len, size, 16, ret);
}

Test(pystack_tasks_offsets, of_the_tables_in_real_modules)
{
        struct task_offsets o;

        cr_assert_eq(parse(table_3_14, sizeof table_3_14, 168, &o), 0);
        cr_expect(o.size == 168 && o.name == 136 && o.coro == 128 && o.waiter == 120 && o.callback == 24);
        cr_expect(o.awaited_by == 96 && o.is_task == 108 && o.awaited_by_is_set == 109 && o.node == 152);
        cr_expect(o.interp_tasks == 10880 && o.running_loop == 864 && o.running == 872 && o.tasks == 880);
        cr_expect_eq(o.wakeup, LAYOUT_NONE);
        cr_assert_eq(parse(table_3_15, sizeof table_3_15, 168, &o), 0);
        cr_expect(o.name == 136 && o.coro == 128 && o.waiter == 120 && o.node == 152);
        cr_expect(o.interp_tasks == 10856 && o.running_loop == 1024 && o.running == 1032 && o.tasks == 1048);
}

Test(pystack_tasks_offsets, a_table_that_is_cut_off_is_none)
{
        struct task_offsets o;

        for (size_t len = 0; len < sizeof table_3_14; len++)
                cr_expect_eq(parse(table_3_14, len, 168, &o), PYSTACK_E_CORRUPT, "%zu", len);
        cr_expect_eq(parse(table_3_14, sizeof table_3_14, 176, &o), PYSTACK_E_CORRUPT);
        cr_expect_eq(parse(table_3_14, sizeof table_3_14, 0, &o), PYSTACK_E_CORRUPT);
}

/* Each word forged: it is refused, or all offsets lie inside of what they are offsets of. */
Test(pystack_tasks_offsets, with_any_word_forged_lead_nowhere_else)
{
        static const uint64_t values[] = {
                0, 1, 7, 161, 165, 168, 169, 512, 1 << 20, (1 << 20) + 1, (uint64_t)1 << 40, UINT64_MAX, UINT64_MAX - 7
        };

        for (size_t i = 0; i < WORDS; i++)
                for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
                        uint64_t words[WORDS];
                        struct task_offsets o;
                        memcpy(words, table_3_14, sizeof words);
                        words[i] = values[j];
                        int e = parse(words, sizeof words, 168, &o);
                        if (e != 0) {
                                cr_expect_eq(e, PYSTACK_E_CORRUPT);
                                continue;
                        }
                        cr_expect(o.size == 168 && o.coro >= 24 && o.coro + 16 <= o.size && o.name == o.coro + 8);
                        cr_expect(o.awaited_by + 8 <= o.size && o.is_task < o.size && o.awaited_by_is_set < o.size);
                        cr_expect(o.node + 16 <= o.size, "%zu %zu", i, j);
                        cr_expect(o.interp_tasks <= 1 << 20 && o.running <= 1 << 20 && o.tasks <= 1 << 20);
                }
}

Test(pystack_tasks_offsets, a_task_is_no_larger_than_any)
{
        uint64_t words[WORDS];
        struct task_offsets o;

        memcpy(words, table_3_14, sizeof words);
        words[0] = TASK_SIZE_MAX + 8;
        cr_expect_eq(parse(words, sizeof words, words[0], &o), PYSTACK_E_CORRUPT);
        words[0] = TASK_SIZE_MAX;
        cr_expect_eq(parse(words, sizeof words, words[0], &o), 0);
}

/* As gdb and ctypes showed them in running interpreters. */
Test(pystack_tasks_offsets, of_versions_that_publish_none)
{
        static const struct {
                uint16_t version;
                uint32_t size, coro, wakeup;
        } rows[] = {
                { 0x0308, 144, 112, 16 }, { 0x0309, 184, 152, 16 }, { 0x030a, 192, 160, 24 },
                { 0x030b, 176, 136, 24 }, { 0x030c, 176, 136, 24 }, { 0x030d, 144, 120, 24 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (uint32_t more = 0; more <= 16; more += 16) {
                        struct task_offsets o;
                        cr_assert_eq(task_offsets_find(rows[i].version, rows[i].size + more, 16 + more, &o), 0);
                        cr_expect(o.size == rows[i].size + more && o.coro == rows[i].coro + more);
                        cr_expect(o.waiter == o.coro - 8 && o.name == o.coro + 8 && o.callback == 24 + more);
                        cr_expect_eq(o.wakeup, rows[i].wakeup + more);
                        cr_expect(o.awaited_by == LAYOUT_NONE && o.running == LAYOUT_NONE && o.tasks == LAYOUT_NONE &&
                                  o.node == LAYOUT_NONE && o.interp_tasks == LAYOUT_NONE);
                }
}

Test(pystack_tasks_offsets, of_a_size_or_a_version_that_is_not_known_are_none)
{
        struct task_offsets o;

        for (uint64_t size = 0; size < 1024; size++)
                cr_expect_eq(task_offsets_find(0x030c, size, 16, &o), size == 176 ? 0 : PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(task_offsets_find(0x030c, ((uint64_t)1 << 32) + 176, 16, &o), PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(task_offsets_find(0x030c, UINT64_MAX, 16, &o), PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(task_offsets_find(0x0307, 144, 16, &o), PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(task_offsets_find(0x030e, 168, 16, &o), PYSTACK_E_UNSUPPORTED);
        cr_expect_eq(task_offsets_find(0x0310, 168, 16, &o), PYSTACK_E_UNSUPPORTED);
}
