/* SPDX-License-Identifier: Apache-2.0 */
/* From a located runtime to a version and a layout: found out, forced, tried, or refused with a reason. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_open);

struct opening {
        struct forge forge;
        struct pystack_location location;
        struct pystack_info info;
        struct pystack *py;
        uint32_t abi;
        struct pystack_trace trace;
};

static void begin(struct opening *o, const struct forge_version *version)
{
        *o = (struct opening){ 0 };
        forge_init(&o->forge, version);
        o->location = forge_location(&o->forge);
}

static int open(struct opening *o)
{
        struct pystack_memory remote = forge_remote(&o->forge);
        const struct pystack_options options = { .abi = o->abi,
                                                 .trace = o->trace,
                                                 .memory = &remote,
                                                 .location = &o->location,
                                                 .inner_pid = FORGE_PTHREAD };

        pystack_close(o->py);
        o->py = NULL;
        return pystack_open(&options, &o->py, &o->info);
}

static void end(struct opening *o)
{
        pystack_close(o->py);
        forge_deinit(&o->forge);
}

/* The name of the only frame of the first thread, after it has been made to run. */
static const char *running(struct opening *o, const char *name)
{
        struct pystack_thread *thread = forge_thread(&o->forge, o->py);
        struct pystack_stack stack = { 0 };

        forge_run(&o->forge, forge_frame(&o->forge, forge_code(&o->forge, name, "t.py", 1), 0));
        int e = pystack_sample(o->py, thread, 1, &stack);
        pystack_thread_close(thread);
        return e == 0 && stack.n == 1 ? frame_name(&stack.frames[0]) : pystack_strerror(e);
}

Test(pystack_open, finds_out_each_version)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                cr_assert_eq(open(&o), 0, "%s: %s", v->name, o.info.detail);
                cr_expect_eq(o.info.version >> 16, v->version >> 16, "%s", v->name);
                cr_expect_eq(o.info.free_threaded, strchr(v->name, 't') != NULL, "%s", v->name);
                cr_expect_str_eq(o.info.file, "/forged/libpython.so");
                cr_expect_str_eq(running(&o, "f"), "f", "%s", v->name);
                end(&o);
        }
}

Test(pystack_open, what_is_opened_again_is_read_alone)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                cr_assert_eq(open(&o), 0, "%s: %s", v->name, o.info.detail);
                struct pystack *first = o.py;
                cr_assert_eq(pystack_again(first, &o.py), 0);
                cr_expect_str_eq(pystack_info(o.py)->file, "/forged/libpython.so");
                pystack_close(first);
                cr_expect_str_eq(running(&o, "f"), "f", "%s", v->name);
                end(&o);
        }
}

Test(pystack_open, a_version_that_is_written_there_is_taken_with_its_micro)
{
        struct opening o;

        begin(&o, forge_version("3.11"));
        cr_assert_eq(open(&o), 0);
        cr_expect_eq(o.info.version, 0x030b0000, "by symbols alone: %x", o.info.version);
        o.location.version_at = forge_alloc(&o.forge, 8);
        forge_word(&o.forge, o.location.version_at, 0x030b07f0);
        cr_assert_eq(open(&o), 0);
        cr_expect_eq(o.info.version, 0x030b07f0);
        end(&o);
}

Test(pystack_open, is_not_ready_before_the_first_thread_and_after_the_last)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                uint64_t head = o.forge.interp + o.forge.layout.interp.threads_head;
                forge_word(&o.forge, head, 0);
                cr_expect_eq(open(&o), PYSTACK_E_NOT_READY, "%s", v->name);
                forge_word(&o.forge, head, o.forge.tstate);
                cr_expect_eq(open(&o), 0, "%s", v->name);
                forge_word(&o.forge, forge_runtime(&o.forge).interpreters, 0);
                cr_expect_eq(open(&o), PYSTACK_E_NOT_READY, "%s", v->name);
                end(&o);
        }
}

/* As _interpreters.create() leaves them in 3.13: new ones come first, and have no thread state until they run. */
Test(pystack_open, interpreters_without_threads_are_passed_over)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                uint64_t list = forge_runtime(&o.forge).interpreters, first = o.forge.interp;
                for (unsigned i = 0; i < 30; i++) {
                        uint64_t empty = forge_alloc(&o.forge, o.forge.layout.interp.threads_head + 256);
                        forge_word(&o.forge, empty + o.forge.layout.interp.next, first);
                        forge_word(&o.forge, list, first = empty);
                }
                cr_expect_eq(open(&o), 0, "%s", v->name);
                forge_word(&o.forge, o.forge.interp + o.forge.layout.interp.threads_head, 0);
                cr_expect_eq(open(&o), PYSTACK_E_NOT_READY, "%s", v->name);
                forge_word(&o.forge, first + o.forge.layout.interp.next, first);
                cr_expect_eq(open(&o), PYSTACK_E_NOT_READY, "%s: it goes round", v->name);
                end(&o);
        }
}

Test(pystack_open, a_thread_of_nobody_is_corrupt)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                forge_word(&o.forge, o.forge.tstate + o.forge.layout.tstate.interp, o.forge.interp + 8);
                cr_expect_eq(open(&o), PYSTACK_E_CORRUPT, "%s", v->name);
                forge_word(&o.forge, o.forge.interp + o.forge.layout.interp.threads_head, 64);
                cr_expect_eq(open(&o), PYSTACK_E_CORRUPT, "%s", v->name);
                end(&o);
        }
}

/* ---- versions without a layout -------------------------------------------------- */

Test(pystack_open, an_old_version_is_refused_with_its_number)
{
        static const struct {
                uint32_t version;
                const char *detail;
        } rows[] = { { 0x03030000, "it is CPython 3.3, " }, { 0x02000000, "it is CPython 2.0, " } };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct opening o;
                begin(&o, forge_version("2.7"));
                o.location.ladder = rows[i].version;
                cr_expect_eq(open(&o), PYSTACK_E_UNSUPPORTED);
                cr_expect_eq(strncmp(o.info.detail, rows[i].detail, strlen(rows[i].detail)), 0, "%s", o.info.detail);
                end(&o);
        }
}

/* A stripped program that exports nothing: only the section that holds the runtime is left. */
Test(pystack_open, without_symbols_the_size_of_the_runtime_tells)
{
        static const struct {
                const char *name;
                uint64_t size;
        } rows[] = { { "3.7.3", 1424 }, { "3.7.16", 1520 }, { "3.8", 1464 },   { "3.9", 656 },
                     { "3.10", 672 },   { "3.11", 166688 }, { "3.12", 459888 } };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct opening o;
                begin(&o, forge_version(rows[i].name));
                o.location.ladder = 0;
                o.location.runtime_size = rows[i].size;
                cr_assert_eq(open(&o), 0, "%s: %s", rows[i].name, o.info.detail);
                cr_expect_eq(o.info.version >> 16, o.forge.version->version >> 16);
                cr_expect_str_eq(running(&o, "f"), "f", "%s", rows[i].name);
                o.location.runtime_size = 12345;
                cr_expect_eq(open(&o), PYSTACK_E_UNSUPPORTED);
                cr_expect_str_eq(o.info.detail, "it is a CPython whose version does not show");
                end(&o);
        }
}

Test(pystack_open, a_list_of_interpreters_that_was_not_found_is_said)
{
        struct opening o;

        begin(&o, forge_version("3.6"));
        o.location.interp_head = 0;
        cr_expect_eq(open(&o), PYSTACK_E_UNSUPPORTED);
        cr_expect(strstr(o.info.detail, "CPython 3.6, but its list"), "%s", o.info.detail);
        end(&o);
}

static void run_frame(struct opening *o)
{
        forge_run(&o->forge, forge_frame(&o->forge, forge_code(&o->forge, "f", "t.py", 1), 0));
}

Test(pystack_open, a_newer_version_is_read_if_its_threads_can_be_walked)
{
        struct opening o;

        begin(&o, forge_version("3.15"));
        forge_word(&o.forge, o.forge.runtime + 8, 0x031002f0);
        run_frame(&o);
        cr_assert_eq(open(&o), 0, "%s", o.info.detail);
        cr_expect_eq(o.info.version, 0x031002f0);
        cr_expect_str_eq(running(&o, "of_3_16"), "of_3_16");
        end(&o);
}

/* Each of what makes a newer version's table doubtful. */
static void damage_size(struct opening *o)
{
        o->location.runtime_size = 4711;
}
static void damage_order(struct opening *o)
{
        forge_word(&o->forge, o->forge.runtime + 8 * 88, 1);
}
static void damage_type(struct opening *o)
{
        o->location.code_type = 0;
}
static void damage_code(struct opening *o)
{
        o->location.code_type = o->forge.type_type;
}
static void damage_thread(struct opening *o)
{
        forge_word(&o->forge, o->forge.tstate + o->forge.layout.tstate.native_thread_id, 1);
}
static void damage_frames(struct opening *o)
{
        forge_run(&o->forge, 0);
}

Test(pystack_open, a_newer_version_in_doubt_is_refused_with_its_number)
{
        void (*const damages[])(struct opening *) = { damage_size, damage_order,  damage_type,
                                                      damage_code, damage_thread, damage_frames };

        for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
                struct opening o;
                begin(&o, forge_version("3.15"));
                forge_word(&o.forge, o.forge.runtime + 8, 0x031002f0);
                run_frame(&o);
                damages[i](&o);
                cr_expect_eq(open(&o), PYSTACK_E_UNSUPPORTED, "damage %zu", i);
                cr_expect(strstr(o.info.detail, "3.16"), "damage %zu: %s", i, o.info.detail);
                end(&o);
        }
}

/* Two stacks by turns, a hundred readings long at most: what the test's own use is. */
struct busy {
        uint64_t stacks[2];
        unsigned turns, rest_after;
};

static void take_turns(struct forge *forge, size_t span, size_t n)
{
        struct busy *busy = forge->test;

        (void)span;
        (void)n;
        if (busy->turns < busy->rest_after)
                forge_run(forge, busy->stacks[busy->turns++ % 2]);
}

static void keep_busy(struct opening *o, struct busy *busy, unsigned rest_after)
{
        *busy = (struct busy){ .rest_after = rest_after };
        for (unsigned i = 0; i < 2; i++)
                busy->stacks[i] = forge_frame(&o->forge, forge_code(&o->forge, i ? "g" : "f", "t.py", 1), 0);
        o->forge.test = busy;
        o->forge.between = take_turns;
}

Test(pystack_open, a_newer_version_whose_threads_run_is_neither_refused_nor_believed)
{
        EACH_VERSION(v)
        {
                struct opening o;
                struct busy busy;
                if (!v->table)
                        continue;
                begin(&o, v);
                forge_word(&o.forge, o.forge.runtime + 8, (v->version & ~0xffu) | 0xa1);
                keep_busy(&o, &busy, UINT_MAX);
                cr_expect_eq(open(&o), PYSTACK_E_TORN, "%s", v->name);
                cr_expect(strstr(o.info.detail, "try again"), "%s", o.info.detail);
                keep_busy(&o, &busy, 1000);
                cr_expect_eq(open(&o), 0, "%s: %s", v->name, o.info.detail);
                end(&o);
        }
}

Test(pystack_open, a_pre_release_is_tried_as_well)
{
        struct opening o;

        begin(&o, forge_version("3.15"));
        forge_word(&o.forge, o.forge.runtime + 8, 0x030f00a4);
        cr_expect_eq(open(&o), PYSTACK_E_UNSUPPORTED, "it runs nothing that could prove it");
        run_frame(&o);
        cr_expect_eq(open(&o), 0);
        end(&o);
}

/* ---- versions that are forced ------------------------------------------------------ */

Test(pystack_open, a_forced_version_overrides_what_was_found)
{
        EACH_VERSION(v)
        {
                struct opening o;
                begin(&o, v);
                uint32_t major = v->version >> 24, minor = v->version >> 16 & 255;
                o.abi = major * (minor < 10 ? 10 : 100) + minor;
                o.location.ladder = 0x02010000;
                if (v->table)
                        forge_word(&o.forge, o.forge.runtime + 8, 0x031100f0);
                cr_assert_eq(open(&o), 0, "%s as %u: %s", v->name, o.abi, o.info.detail);
                cr_expect_eq(o.info.version, v->version & 0xffff0000, "%s", v->name);
                cr_expect_str_eq(running(&o, "forced"), "forced", "%s", v->name);
                end(&o);
        }
}

Test(pystack_open, a_wrongly_forced_version_ends_in_an_error)
{
        EACH_VERSION(v)
        {
                for (size_t i = 0; layout_abis[i]; i++) {
                        struct opening o;
                        begin(&o, v);
                        o.abi = layout_abis[i];
                        bool old = layout_abi_version(o.abi) < 0x03070000, is_old = v->version < 0x03070000;
                        int e = open(&o);
                        if (old != is_old)
                                cr_expect(e == PYSTACK_E_UNSUPPORTED && strstr(o.info.detail, "its runtime"),
                                          "%s as %u: %d", v->name, o.abi, e);
                        end(&o);
                }
        }
}

Test(pystack_open, an_unknown_abi_is_an_invalid_argument)
{
        struct pystack_info info;
        struct pystack *py;

        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = 1, .abi = 33 }, &py, &info), -EINVAL);
        cr_expect_eq(pystack_open(&(struct pystack_options){ .pid = 1, .abi = 4 }, &py, &info), -EINVAL);
        cr_expect_eq(pystack_abis()[0], 26);
}

/* ---- damage -------------------------------------------------------------------------- */

Test(pystack_open, random_memory_is_survived)
{
        unsigned seed = 11;

        for (int round = 0; round < 30; round++) {
                EACH_VERSION(v)
                {
                        struct opening o;
                        begin(&o, v);
                        run_frame(&o);
                        for (int i = 0; i < 20; i++) {
                                uint64_t at = FORGE_BASE + (uint64_t)rand_r(&seed) % 40000;
                                forge_word(&o.forge, at & ~7ull,
                                           rand_r(&seed) % 2 ? FORGE_BASE + (uint64_t)rand_r(&seed) % o.forge.used
                                                             : (uint64_t)rand_r(&seed) % 4096);
                                if (open(&o) == 0)
                                        running(&o, "f");
                        }
                        end(&o);
                }
        }
        cr_assert(true);
}
