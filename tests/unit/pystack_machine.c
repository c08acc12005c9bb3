/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between machines and their libcs, each on forged memory, whatever machine the tests run on. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/support/suite.h"

#include "pystack/layout/version.h"

#include <string.h>

SUITE(pystack_machine);

#define ADDRESS 0x5000ff8ull

struct code_row {
        uint8_t code[16];
        uint64_t head; /* 0: not such code */
};

static void decode_all(enum machine_kind kind, const struct code_row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                cr_expect_eq(machine_get(kind)->decode_head(rows[i].code, ADDRESS), rows[i].head, "%s, row %zu",
                             machine_get(kind)->name, i);
}

Test(pystack_machine, x86_64_code)
{
        static const struct code_row rows[] = {
                { { 0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0xc3 }, ADDRESS + 7 + 0x10 },
                { { 0x48, 0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff, 0xc3 }, ADDRESS + 7 - 0x10 },
                { { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0xc3 }, ADDRESS + 11 + 0x10 },
                { { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x5d, 0xc3 }, ADDRESS + 11 + 0x10 },
                { { 0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x5d },
                  ADDRESS + 15 + 0x10 },
                { { 0x48, 0x8b, 0x05, 0x10, 0, 0, 0, 0x48, 0x8b, 0x40, 0x28 }, 0 }, /* goes on: 3.12's */
                { { 0x31, 0xc0, 0xc3 }, 0 },
                { { 0 }, 0 },
        };

        decode_all(MACHINE_X86_64, rows, sizeof rows / sizeof *rows);
}

#define WORD(i) (i) & 0xff, (i) >> 8 & 0xff, (i) >> 16 & 0xff, (i) >> 24
#define ADRP(distance) WORD(0x90000000u | ((distance)&3u) << 29 | ((distance) >> 2 & 0x7ffffu) << 5)

Test(pystack_machine, aarch64_code)
{
        static const struct code_row rows[] = {
                /* adrp x0, 0x34e000; ldr x0, [x0, #1968]; ret: Debian's 2.7, there at 0x66394 */
                { { WORD(0x90001740u), WORD(0xf943d800u), WORD(0xd65f03c0u) }, 0x5000000 + 0x2e8000 + 1968 },
                { { ADRP((uint32_t)-3), WORD(0xf9400400u), WORD(0xd65f03c0u) }, 0x5000000 - 0x3000 + 8 },
                { { ADRP((uint32_t) - (1 << 20)), WORD(0xf9400000u), WORD(0xd65f03c0u) }, 0x5000000 - (1ull << 32) },
                /* With a landing pad it is on the next page. */
                { { WORD(0xd503245fu), ADRP(2u), WORD(0xf9400400u), WORD(0xd65f03c0u) }, 0x5000000 + 0x2000 + 8 },
                /* adrp; add x0, x0, #0x258; ldr x0, [x0]; ret */
                { { ADRP(1u), WORD(0x91096000u), WORD(0xf9400000u), WORD(0xd65f03c0u) }, 0x5001000 + 0x258 },
                { { ADRP(1u), WORD(0xf9400401u), WORD(0xd65f03c0u) }, 0 }, /* into another register */
                { { ADRP(1u), WORD(0xf9400400u), WORD(0xf9401800u), WORD(0xd65f03c0u) }, 0 }, /* goes on */
                { { WORD(0xd503245fu), WORD(0xd503245fu), ADRP(1u), WORD(0xf9400400u) }, 0 },
                { { 0 }, 0 },
        };

        decode_all(MACHINE_AARCH64, rows, sizeof rows / sizeof *rows);
}

/* Sizes of _PyRuntime, and where in it the holder of the GIL stands. */
struct runtime_row {
        const char *name;
        uint64_t size, current;
};

static void check_holder(enum machine_kind kind, const struct runtime_row *row, bool symbols, uint64_t size)
{
        const struct forge_version *v = forge_version(row->name);
        struct forge forge;
        struct pystack_info info = { 0 };
        struct detected choice;

        forge_init(&forge, v);
        struct pystack_memory remote = forge_remote(&forge);
        struct pystack_location location = forge_location(&forge);
        location.machine = kind;
        location.runtime_size = size;
        if (!symbols)
                location.ladder = 0;
        cr_assert_eq(version_detect(&remote, &location, 0, &info, &choice), 0, "%s: %s", row->name, info.detail);
        cr_expect_eq(info.version >> 16, v->version >> 16, "%s is taken for %x", row->name, info.version);
        cr_expect_eq(choice.runtime.tstate_current - forge.runtime, row->current, "%s: %lu", row->name,
                     choice.runtime.tstate_current - forge.runtime);
        cr_expect_eq(choice.runtime.interpreters - forge.runtime, choice.runtime.layout.runtime.interpreters_head);
        forge_deinit(&forge);
}

static const struct runtime_row in_glibc[] = {
        { "3.7.3", 1440, 1408 }, { "3.7.16", 1536, 1496 }, { "3.8", 1480, 1384 },
        { "3.9", 672, 584 },     { "3.10", 688, 584 },     { "3.11", 166704, 592 },
};

/* musl's mutexes are no larger on aarch64. */
static const struct runtime_row in_musl[] = {
        { "3.7.3", 1424, 1392 }, { "3.7.16", 1520, 1480 }, { "3.8", 1464, 1368 },
        { "3.9", 656, 568 },     { "3.10", 672, 568 },     { "3.11", 166688, 576 },
};

#define EACH_ROW(row, rows) for (const struct runtime_row *row = rows; row < rows + sizeof rows / sizeof *rows; row++)

Test(pystack_machine, aarch64_holder_of_the_gil)
{
        EACH_ROW(row, in_glibc)
        {
                check_holder(MACHINE_AARCH64, row, true, row->size);
                check_holder(MACHINE_AARCH64, row, false, row->size);
        }
        EACH_ROW(row, in_musl)
        check_holder(MACHINE_AARCH64, row, true, row->size);
}

Test(pystack_machine, aarch64_is_taken_for_glibc_where_the_size_does_not_tell)
{
        EACH_ROW(row, in_glibc)
        if (strcmp(row->name, "3.7.3") != 0)
                check_holder(MACHINE_AARCH64, row, true, 0);
}

Test(pystack_machine, x86_64_holder_of_the_gil_is_the_same_in_both_libcs)
{
        EACH_ROW(row, in_musl)
        {
                check_holder(MACHINE_X86_64, row, true, row->size);
                check_holder(MACHINE_X86_64, row, false, row->size);
        }
}

Test(pystack_machine, another_one_is_refused)
{
        struct forge forge;
        struct pystack_info info = { 0 };
        struct detected choice;

        forge_init(&forge, forge_version("3.9"));
        struct pystack_memory remote = forge_remote(&forge);
        struct pystack_location location = forge_location(&forge);
        location.machine = 7;
        cr_expect_eq(version_detect(&remote, &location, 0, &info, &choice), PYSTACK_E_UNSUPPORTED);
        location.machine = UINT64_MAX;
        cr_expect_eq(version_detect(&remote, &location, 0, &info, &choice), PYSTACK_E_UNSUPPORTED);
        forge_deinit(&forge);
}

/* Two threads, whose TIDs stand at @offset of libc's struct pthread alone. */
static void check_tids(const struct forge_version *version, enum machine_kind kind, uint32_t offset)
{
        struct forge forge;
        const struct pystack_thread_ref *refs;
        size_t n = 0;

        forge_init(&forge, version);
        uint64_t a = forge_alloc(&forge, 1024), b = forge_alloc(&forge, 1024);
        forge_half(&forge, a + offset, 1);
        forge_half(&forge, b + offset, 17);
        forge_word(&forge, forge.tstate + forge.layout.tstate.thread_id, a);
        forge_add_thread(&forge, b);
        struct pystack *py = forge_open(&forge);
        py->runtime.machine = machine_get(kind);
        py->process.inner_pid = 1;
        cr_assert_eq(pystack_threads(py, &refs, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_eq(refs[0].inner_tid, 17, "%s, %s, %u: %d", version->name, py->runtime.machine->name, offset,
                     refs[0].inner_tid);
        cr_expect(refs[1].main && !refs[0].main);
        pystack_close(py);
        forge_deinit(&forge);
}

/*
 * Up to 3.10 the TID stands in libc's struct pthread only. From 3.11 on what Python
 * noted is wrong after a fork that it was not told of.
 */
Test(pystack_machine, tids_in_each_libc)
{
        EACH_VERSION(v)
        {
                check_tids(v, MACHINE_X86_64, 720);
                check_tids(v, MACHINE_X86_64, 48);
                check_tids(v, MACHINE_AARCH64, 208);
                check_tids(v, MACHINE_AARCH64, 32);
        }
}
