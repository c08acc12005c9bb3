/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts against what offsetof() gave on each version's headers, and
 * _Py_DebugOffsets tables as they were found in real binaries (fixtures), then
 * damaged.
 */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/layout.h"
#include "pystack/pystack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_layout);

#define FIXTURES "tests/fixtures/debug-offsets/"

/* Reads "OFFSET NAME VALUE" lines into a table as it stands in memory. Returns its length. */
static size_t read_table(const char *name, uint64_t words[static 128])
{
        char path[256], line[256];
        size_t len = 8;

        snprintf(path, sizeof path, FIXTURES "%s.txt", name);
        FILE *file = fopen(path, "r");
        cr_assert(file, "%s", path);
        memcpy(words, "xdebugpy", 8);
        while (fgets(line, sizeof line, file)) {
                unsigned offset;
                char value[64];
                if (sscanf(line, "%u %*s %63s", &offset, value) == 2 && offset >= 8 && offset < 1024) {
                        words[offset / 8] = strtoull(value, NULL, 0);
                        len = offset + 8;
                }
        }
        fclose(file);
        return len;
}

Test(pystack_layout, of_the_tables_in_real_binaries)
{
        static const struct {
                const char *table;
                uint32_t heads, threads, generation, native_id, chunk, owner, name, bytecode, co_version;
                uint64_t tags;
        } rows[] = {
                { "3.13.0", 632, 7344, LAYOUT_NONE, 160, 232, 70, 128, 200, 92, 0 },
                { "3.13.18", 632, 7344, LAYOUT_NONE, 160, 232, 70, 128, 200, 92, 0 },
                { "3.14.10", 808, 7344, 7992, 160, 232, 74, 128, 208, 92, 3 },
                { "3.15.2", 936, 7336, 7944, 184, 256, 74, 128, 208, 92, 3 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint64_t words[128] = { 0 };
                struct layout l;
                size_t len = read_table(rows[i].table, words);
                const char *table = guard_copy(words, len);
                cr_assert_eq(layout_from_debug_offsets(table, len, &l), 0, "%s", rows[i].table);
                cr_expect_eq(l.runtime.interpreters_head, rows[i].heads);
                cr_expect_eq(l.interp.threads_head, rows[i].threads);
                cr_expect_eq(l.interp.code_generation, rows[i].generation);
                cr_expect_eq(l.tstate.native_thread_id, rows[i].native_id);
                cr_expect_eq(l.tstate.chunk, rows[i].chunk);
                cr_expect_eq(l.frame.owner, rows[i].owner);
                cr_expect_eq(l.frame.tag_mask, rows[i].tags);
                cr_expect_eq(l.code.name, rows[i].name);
                cr_expect_eq(l.code.bytecode, rows[i].bytecode);
                cr_expect_eq(l.code.version, rows[i].co_version);
                cr_expect_eq(l.gil.holder, 8);
                cr_expect_eq(l.gil.locked, 16);
                cr_expect_eq(l.string.compact_data, 56);
        }
}

Test(pystack_layout, of_versions_that_do_not_describe_themselves)
{
        const uint32_t known[] = { 0x030812f0, 0x030902f0, 0x030a0df0, 0x030b02f0, 0x030c0af0 };

        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
                const struct layout *l = layout_find(known[i]);
                cr_assert(l);
                cr_expect_eq(l->version, known[i] >> 16);
                cr_expect_leq(l->tstate.size, LAYOUT_MAX_TSTATE);
                cr_expect_leq(l->frame.size, LAYOUT_MAX_FRAME);
                cr_expect_leq(l->code.size, LAYOUT_MAX_CODE);
        }
        cr_expect_null(layout_find(0x030d00f0), "3.13 describes itself");
        cr_expect_null(layout_find(0));
}

Test(pystack_layout, unknown_and_free_threaded_tables_are_refused)
{
        uint64_t words[128] = { 0 };
        struct layout l;
        size_t len = read_table("3.14.7t", words);

        cr_expect_eq(layout_from_debug_offsets(words, len, &l), PYSTACK_E_UNSUPPORTED);
        len = read_table("3.14.10", words);
        words[1] = 0x031000f0;
        cr_expect_eq(layout_from_debug_offsets(words, len, &l), PYSTACK_E_UNSUPPORTED);
        memcpy(words, "xdebugpz", 8);
        cr_expect_eq(layout_from_debug_offsets(words, len, &l), PYSTACK_E_CORRUPT);
}

Test(pystack_layout, tables_cut_short_are_refused)
{
        uint64_t words[128] = { 0 };
        struct layout l;
        size_t full = read_table("3.15.2", words);

        for (size_t len = 0; len < full; len += 4)
                cr_expect_eq(layout_from_debug_offsets(guard_copy(words, len), len, &l), PYSTACK_E_CORRUPT);
}

/* Whatever a table claims, what is accepted stays inside the buffers that are read. */
Test(pystack_layout, forged_values_never_reach_out_of_bounds)
{
        const uint64_t extremes[] = { 0, 1, 255, 511, 512, 1 << 16, 1 << 20, UINT32_MAX, UINT64_MAX, UINT64_MAX - 7 };
        unsigned accepted = 0;

        for (size_t at = 3; at < 111; at++) {
                for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
                        uint64_t words[128] = { 0 };
                        struct layout l;
                        size_t len = read_table("3.15.2", words);
                        words[at] = extremes[i];
                        if (layout_from_debug_offsets(words, len, &l) != 0)
                                continue;
                        accepted++;
                        cr_expect_leq(l.tstate.size, LAYOUT_MAX_TSTATE);
                        cr_expect_leq(l.frame.size, LAYOUT_MAX_FRAME);
                        cr_expect_leq(l.code.size, LAYOUT_MAX_CODE);
                        cr_expect_leq(l.frame.owner + 1, l.frame.size);
                        cr_expect_leq(l.frame.position + 8, l.frame.size);
                        cr_expect_leq(l.tstate.frame + 8, l.tstate.size);
                        cr_expect_leq(l.code.version + 4, l.code.size);
                        cr_expect_leq(l.string.state + 4, l.string.compact_data);
                }
        }
        cr_expect_gt(accepted, 100, "values that do not matter are accepted");
}
