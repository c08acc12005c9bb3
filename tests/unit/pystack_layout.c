/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts against what offsetof() gave on each version's headers, and
 * _Py_DebugOffsets tables as they were found in real binaries (fixtures), then
 * damaged.
 */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_layout);

static struct layout_fault fault; /* of the last table that was refused */

Test(pystack_layout, of_the_tables_in_real_binaries)
{
        static const struct {
                const char *table;
                uint32_t heads, threads, generation, native_id, chunk, owner, name, bytecode, co_version;
                uint64_t tags;
                uint32_t head, kind_shift, tlbc, tlbc_index; /* head: size of an object's */
        } rows[] = {
                { "3.13.0", 632, 7344, LAYOUT_NONE, 160, 232, 70, 128, 200, 92, 0, 16, 2, LAYOUT_NONE, LAYOUT_NONE },
                { "3.13.18", 632, 7344, LAYOUT_NONE, 160, 232, 70, 128, 200, 92, 0, 16, 2, LAYOUT_NONE, LAYOUT_NONE },
                { "3.13.15t", 632, 7344, LAYOUT_NONE, 160, 232, 70, 144, 216, 108, 0, 32, 2, LAYOUT_NONE, LAYOUT_NONE },
                { "3.14.10", 808, 7344, 7992, 160, 232, 74, 128, 208, 92, 3, 16, 2, LAYOUT_NONE, LAYOUT_NONE },
                { "3.14.7t", 808, 7344, 8024, 160, 232, 78, 144, 232, 108, 3, 32, 8, 224, 72 },
                { "3.15.2", 936, 7336, 7944, 184, 256, 74, 128, 208, 92, 3, 16, 2, LAYOUT_NONE, LAYOUT_NONE },
                { "3.15.2t", 936, 7336, 7952, 184, 256, 78, 144, 232, 108, 3, 32, 8, 224, 72 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint64_t words[128] = { 0 };
                struct layout l;
                size_t len = forge_read_table(rows[i].table, words);
                const char *table = guard_copy(words, len);
                cr_assert_eq(layout_from_debug_offsets(table, len, (uint32_t)words[1], &l, &fault), 0, "%s",
                             rows[i].table);
                bool free_threaded = rows[i].head == 32;
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
                cr_expect_eq(l.gil.holder, free_threaded ? 16 : 8);
                cr_expect_eq(l.gil.locked, free_threaded ? 24 : 16);
                cr_expect_eq(l.gil.enabled, free_threaded ? 0 : LAYOUT_NONE);
                cr_expect_eq(l.object_type, rows[i].head - 8);
                cr_expect_eq(l.string.compact_data, rows[i].head + 40);
                cr_expect_eq(l.string.kind_shift, rows[i].kind_shift);
                cr_expect_eq(l.string.ascii_bit, 16u << rows[i].kind_shift);
                cr_expect_eq(l.code.tlbc, rows[i].tlbc);
                cr_expect_eq(l.frame.tlbc_index, rows[i].tlbc_index);
        }
}

/* Most of these are published by 3.15 only; the headers of the others say the same. */
Test(pystack_layout, of_what_names_of_threads_are_found_by)
{
        static const struct {
                const char *version;
                uint32_t modules, type_flags, type_dict, type_keys, dict_keys, int_size, dict_before;
        } rows[] = {
                { "2.6", 16, 168, 288, LAYOUT_NONE, 40, 16, LAYOUT_NONE },
                { "2.7 debug", 16, 184, 304, LAYOUT_NONE, 56, 32, LAYOUT_NONE },
                { "3.5", 16, 168, 288, LAYOUT_NONE, 24, 16, LAYOUT_NONE },
                { "3.6", 16, 168, 288, LAYOUT_NONE, 32, 16, LAYOUT_NONE },
                { "3.7.3", 40, 168, 288, LAYOUT_NONE, 32, 16, LAYOUT_NONE },
                { "3.8", 56, 168, 288, LAYOUT_NONE, 32, 16, LAYOUT_NONE },
                { "3.9", 856, 168, 288, LAYOUT_NONE, 32, 16, LAYOUT_NONE },
                { "3.10", 856, 168, 288, LAYOUT_NONE, 32, 16, LAYOUT_NONE },
                { "3.11", 888, 168, 288, 872, 32, 16, 24 },
                { "3.12", 944, 168, 288, 880, 32, 16, 24 },
                { "3.13", 7656, 168, 288, 880, 32, 16, 24 },
                { "3.13t", 7664, 184, 304, 896, 48, 32, 8 },
                { "3.14", 7688, 168, 288, 880, 32, 16, 24 },
                { "3.14t", 7712, 184, 304, 896, 48, 32, 8 },
                { "3.15", 7592, 168, 288, 888, 32, 16, 24 },
                { "3.15t", 7592, 184, 304, 904, 48, 32, 8 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct forge forge;
                forge_init(&forge, forge_version(rows[i].version));
                const struct layout *l = &forge.layout;
                cr_expect_eq(l->names.modules, rows[i].modules, "%s", rows[i].version);
                cr_expect_eq(l->names.type_flags, rows[i].type_flags, "%s", rows[i].version);
                cr_expect_eq(l->names.type_dict, rows[i].type_dict, "%s", rows[i].version);
                cr_expect_eq(l->names.type_keys, rows[i].type_keys, "%s", rows[i].version);
                cr_expect_eq(l->names.dict_keys, rows[i].dict_keys, "%s", rows[i].version);
                cr_expect_eq(l->names.int_size, rows[i].int_size, "%s", rows[i].version);
                cr_expect_eq(l->names.dict_before, rows[i].dict_before, "%s", rows[i].version);
                forge_deinit(&forge);
        }
}

/* A process that publishes nonsense of dicts and types is sampled all the same. */
Test(pystack_layout, without_what_names_are_found_by_stacks_are_read)
{
        static const size_t words[] = { 12, 60, 61, 63, 64, 65, 67, 79, 80, 84 };

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                uint64_t table[128] = { 0 };
                struct layout l;
                size_t len = forge_read_table("3.15.2", table);
                table[words[i]] = words[i] == 60 ? table[60] : 1 << 20;
                cr_expect_eq(layout_from_debug_offsets(table, len, (uint32_t)table[1], &l, &fault), 0);
                cr_expect_eq(l.names.modules == LAYOUT_NONE, words[i] != 60, "%zu", words[i]);
        }
}

/* offsetof() on each version's headers, and what was confirmed on running processes. */
Test(pystack_layout, of_versions_that_do_not_describe_themselves)
{
        static const struct {
                uint32_t version, heads, current, threads, ts_frame, ts_id, lasti, file, name, first_line, lines;
        } rows[] = {
                { 0x02060900, LAYOUT_NONE, LAYOUT_NONE, 8, 16, 144, 120, 80, 88, 96, 104 },
                { 0x020712f0, LAYOUT_NONE, LAYOUT_NONE, 8, 16, 144, 120, 80, 88, 96, 104 },
                { 0x03040af0, LAYOUT_NONE, LAYOUT_NONE, 8, 24, 152, 120, 96, 104, 112, 120 },
                { 0x030509f0, LAYOUT_NONE, LAYOUT_NONE, 8, 24, 152, 120, 96, 104, 112, 120 },
                { 0x03060ff0, LAYOUT_NONE, LAYOUT_NONE, 8, 24, 152, 120, 96, 104, 36, 112 },
                { 0x030703f0, 24, 1392, 8, 24, 176, 104, 96, 104, 36, 112 },
                { 0x030704f0, 24, 1480, 8, 24, 176, 104, 96, 104, 36, 112 },
                { 0x030710f0, 24, 1480, 8, 24, 176, 104, 96, 104, 36, 112 },
                { 0x0307ff00, 24, 1480, 8, 24, 176, 104, 96, 104, 36, 112 },
                { 0x030812f0, 32, 1368, 8, 24, 176, 104, 104, 112, 40, 120 },
                { 0x030902f0, 32, 568, 8, 24, 176, 104, 104, 112, 40, 120 },
                { 0x030a0df0, 32, 568, 8, 24, 176, 96, 104, 112, 40, 120 },
                { 0x030b02f0, 40, 576, 16, LAYOUT_NONE, 152, 56, 112, 128, 72, 136 },
                { 0x030c0af0, 40, LAYOUT_NONE, 72, LAYOUT_NONE, 136, 56, 112, 128, 68, 136 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct layout *l = layout_find(rows[i].version);
                cr_assert(l, "%x", rows[i].version);
                cr_expect_eq(l->version, rows[i].version >> 16);
                cr_expect_eq(l->runtime.interpreters_head, rows[i].heads);
                cr_expect_eq(l->runtime.tstate_current, rows[i].current, "%x", rows[i].version);
                cr_expect_eq(l->interp.threads_head, rows[i].threads);
                cr_expect_eq(l->tstate.frame, rows[i].ts_frame);
                cr_expect_eq(l->tstate.thread_id, rows[i].ts_id);
                cr_expect_eq(l->frame.position, rows[i].lasti);
                cr_expect_eq(l->code.file, rows[i].file);
                cr_expect_eq(l->code.name, rows[i].name);
                cr_expect_eq(l->code.first_line, rows[i].first_line);
                cr_expect_eq(l->code.lines, rows[i].lines);
                cr_expect_leq(l->tstate.size, LAYOUT_MAX_TSTATE);
                cr_expect_leq(l->frame.size, LAYOUT_MAX_FRAME);
                cr_expect_leq(l->code.size, LAYOUT_MAX_CODE);
        }
        cr_expect_null(layout_find(0x030d00f0), "3.13 describes itself");
        cr_expect_null(layout_find(0x03030000), "before PEP 393 was all there was");
        cr_expect_null(layout_find(0));
}

/*
 * As ctypes showed it in running interpreters of 3.8 to 3.13: where a generator has its frame, and where that has what it awaits.
 * Those without the GIL have larger heads, and from 3.14 on a frame of theirs has a word more.
 */
Test(pystack_layout, of_coroutines)
{
        static const struct {
                const char *version;
                uint32_t frame, state, stack, slots;
                int created, awaits;
                enum layout_await await;
        } rows[] = {
                { "3.8", 16, LAYOUT_NONE, 72, 64, 0, 0, AWAIT_TOP },
                { "3.9", 16, LAYOUT_NONE, 72, 64, 0, 0, AWAIT_TOP },
                { "3.10", 16, LAYOUT_NONE, 80, 64, 0, 0, AWAIT_DEPTH },
                { "3.11", 80, 75, 64, 72, -2, -1, AWAIT_INDEX },
                { "3.12", 72, 67, 64, 72, -2, -1, AWAIT_INDEX },
                { "3.13", 72, 67, 64, 72, -3, -1, AWAIT_INDEX },
                { "3.13t", 88, 83, 64, 72, -3, -1, AWAIT_INDEX },
                { "3.14", 72, 67, 64, 80, -3, -1, AWAIT_TOP },
                { "3.14t", 88, 83, 64, 80, -3, -1, AWAIT_TOP },
                { "3.15", 72, 67, 64, 80, 0, 2, AWAIT_TOP },
                { "3.15t", 88, 83, 64, 80, 0, 2, AWAIT_TOP },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct forge forge;
                forge_init(&forge, forge_version(rows[i].version));
                const struct layout *l = &forge.layout;
                cr_expect_eq(l->coroutine.frame, rows[i].frame, "%s: %u", rows[i].version, l->coroutine.frame);
                cr_expect_eq(l->coroutine.state, rows[i].state, "%s: %u", rows[i].version, l->coroutine.state);
                cr_expect_eq(l->coroutine.stack, rows[i].stack, "%s: %u", rows[i].version, l->coroutine.stack);
                cr_expect_eq(l->coroutine.slots, rows[i].slots, "%s: %u", rows[i].version, l->coroutine.slots);
                cr_expect_eq(l->coroutine.created, rows[i].created, "%s", rows[i].version);
                cr_expect_eq(l->coroutine.awaits, rows[i].awaits, "%s", rows[i].version);
                cr_expect_eq(l->coroutine.await, rows[i].await, "%s", rows[i].version);
                forge_deinit(&forge);
        }
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                cr_expect_eq(forge.layout.coroutine.frame == LAYOUT_NONE, v->version < 0x03080000, "%s", v->name);
                forge_deinit(&forge);
        }
}

/* A process that publishes nonsense of generators is sampled all the same. */
Test(pystack_layout, without_what_coroutines_are_found_by_stacks_are_read)
{
        static const uint64_t frames[] = { 0, 8, 16, 1 << 20 }, states[] = { 72, 80, 1 << 20 };

        for (size_t i = 0; i < 7; i++) {
                uint64_t table[128] = { 0 };
                struct layout l;
                size_t len = forge_read_table("3.15.2", table);
                table[i < 4 ? 101 : 102] = i < 4 ? frames[i] : states[i - 4];
                int e = layout_from_debug_offsets(table, len, (uint32_t)table[1], &l, &fault);
                cr_expect_eq(e, 0, "%zu", i);
                cr_expect_eq(l.coroutine.frame, LAYOUT_NONE, "%zu: %u", i, l.coroutine.frame);
        }
}

/* With Py_TRACE_REFS two pointers come first in every object, and nothing else moves. */
Test(pystack_layout, of_builds_that_trace_references)
{
        struct layout plain = *layout_find(0x020712f0), wide = plain;

        layout_widen_objects(&wide, 16);
        cr_expect_eq(wide.object_type, 24);
        cr_expect_eq(wide.frame.position, plain.frame.position + 16);
        cr_expect_eq(wide.code.name, plain.code.name + 16);
        cr_expect_eq(wide.bytes.data, plain.bytes.data + 16);
        cr_expect_eq(wide.string.ascii_data, plain.string.ascii_data + 16);
        cr_expect_eq(wide.tstate.frame, plain.tstate.frame);
        cr_expect_eq(wide.interp.threads_head, plain.interp.threads_head);
        cr_expect_eq(wide.code.bytecode, LAYOUT_NONE);

        wide = plain = *layout_find(0x030c01f0);
        layout_widen_objects(&wide, 16);
        cr_expect_eq(wide.frame.position, plain.frame.position, "frames are no objects from 3.11 on");
        cr_expect_eq(wide.code.bytecode, plain.code.bytecode + 16);
}

Test(pystack_layout, every_abi_is_a_version_with_a_layout)
{
        uint64_t words[128] = { 0 };
        struct layout l;
        uint32_t before = 0;
        size_t len = forge_read_table("3.15.2", words);

        for (size_t i = 0; layout_abis[i]; i++) {
                uint32_t version = layout_abi_version(layout_abis[i]);
                cr_expect_gt(version, before);
                before = version;
                if (version < 0x030d0000)
                        cr_expect_not_null(layout_find(version), "%x", version);
                else
                        cr_expect_neq(layout_from_debug_offsets(words, len, version, &l, &fault),
                                      PYSTACK_E_UNSUPPORTED);
        }
        cr_expect_eq(layout_abi_version(27), 0x0207ff00);
        cr_expect_eq(layout_abi_version(311), 0x030bff00);
        cr_expect_eq(layout_abi_version(33), 0);
        cr_expect_eq(layout_abi_version(316), 0);
        cr_expect_eq(layout_abi_version(0), 0);
}

Test(pystack_layout, newer_tables_are_read_in_the_newest_known_order_if_they_are_in_it)
{
        uint64_t words[128] = { 0 };
        struct layout l, known;
        struct layout_debug_info info;
        size_t len = forge_read_table("3.15.2", words);

        cr_assert_eq(layout_from_debug_offsets(words, len, 0x030f02f0, &known, &fault), 0);
        words[1] = 0x031000f0;
        cr_assert_eq(layout_from_debug_offsets(words, len, 0x031000f0, &l, &fault), 0);
        cr_expect_eq(l.frame.owner, known.frame.owner);
        cr_expect_eq(l.version, 0x0310);
        cr_assert(layout_debug_probe(words, len, &info));
        cr_expect_not(info.known);
        cr_expect_eq(layout_from_debug_offsets(words, len, 0x040000f0, &l, &fault), PYSTACK_E_UNSUPPORTED);

        /* A word more somewhere before the strings, as every version so far has brought. */
        for (size_t at = 4; at < 88; at++) {
                uint64_t moved[128] = { 0 };
                memcpy(moved, words, at * 8);
                memcpy(moved + at + 1, words + at, len - at * 8);
                moved[at] = 64;
                int e = layout_from_debug_offsets(moved, len + 8, 0x031000f0, &l, &fault);
                cr_expect_eq(e, PYSTACK_E_CORRUPT, "at %zu", at);
        }
}

Test(pystack_layout, only_releases_of_known_versions_are_known)
{
        uint64_t words[128] = { 0 };
        struct layout_debug_info info;
        size_t len = forge_read_table("3.15.2", words);

        cr_assert(layout_debug_probe(words, len, &info));
        cr_expect(info.known);
        words[1] = 0x030f00a4;
        cr_assert(layout_debug_probe(words, len, &info));
        cr_expect_not(info.known, "3.15.0a4");
        memcpy(words, "xdebugpz", 8);
        cr_expect_not(layout_debug_probe(words, len, &info));
}

Test(pystack_layout, tables_cut_short_are_refused)
{
        uint64_t words[128] = { 0 };
        struct layout l;
        size_t full = forge_read_table("3.15.2", words);

        for (size_t len = 0; len < full; len += 4)
                cr_expect_eq(layout_from_debug_offsets(guard_copy(words, len), len, 0x030f02f0, &l, &fault),
                             PYSTACK_E_CORRUPT);
}

/* Whatever a table claims, what is accepted stays inside the buffers that are read. */
Test(pystack_layout, forged_values_never_reach_out_of_bounds)
{
        const uint64_t extremes[] = { 0, 1, 255, 511, 512, 1 << 16, 1 << 20, UINT32_MAX, UINT64_MAX, UINT64_MAX - 7 };
        unsigned accepted = 0;

        for (size_t at = 2; at < 111; at++) {
                for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
                        uint64_t words[128] = { 0 };
                        struct layout l;
                        size_t len = forge_read_table("3.15.2t", words);
                        words[at] = extremes[i];
                        if (layout_from_debug_offsets(words, len, 0x030f02f0, &l, &fault) != 0)
                                continue;
                        accepted++;
                        cr_expect_leq(l.tstate.size, LAYOUT_MAX_TSTATE);
                        cr_expect_leq(l.frame.size, LAYOUT_MAX_FRAME);
                        cr_expect_leq(l.code.size, LAYOUT_MAX_CODE);
                        cr_expect_leq(l.frame.owner + 1, l.frame.size);
                        cr_expect_leq(l.frame.position + 8, l.frame.size);
                        cr_expect(l.frame.tlbc_index == LAYOUT_NONE || l.frame.tlbc_index + 4 <= l.frame.size);
                        cr_expect_leq(l.tstate.frame + 8, l.tstate.size);
                        cr_expect_leq(l.code.version + 4, l.code.size);
                        cr_expect_leq(l.object_type + 8, l.code.size);
                        cr_expect_leq(l.string.state + 4, l.string.compact_data);
                }
        }
        cr_expect_gt(accepted, 100, "values that do not matter are accepted");
}
