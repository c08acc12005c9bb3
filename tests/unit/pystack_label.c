/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that are no functions: each text has one label, and no memory of a target leads to it. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "pystack/tasks/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_label);

static struct forge forge;
static struct pystack *py;

static void begin(void)
{
        forge_init(&forge, forge_version("3.12"));
        py = forge_open(&forge);
}

static void end(void)
{
        pystack_close(py);
        forge_deinit(&forge);
}

static const struct pystack_code *label(const char *prefix, const struct pystr *text, const void *data)
{
        const struct pystack_code *code = NULL;

        cr_assert_eq(label_get(py, prefix, text, data, &code), 0);
        return code;
}

static const char *name_of(const struct pystack_code *code)
{
        static struct pystack_text text;

        pystack_text(code, &text);
        cr_expect_str_eq(text.file, "");
        return text.name;
}

Test(pystack_label, of_the_same_text_is_the_same)
{
        begin();
        const struct pystr text = { .chars = 3, .width = 1 };
        const struct pystack_code *abc = label("task ", &text, guard_copy("abc", 3));
        cr_expect_str_eq(name_of(abc), "task abc");
        cr_expect_eq(label("task ", &text, "abcdef"), abc);
        cr_expect_eq(label("task abc", NULL, NULL), abc);
        cr_expect_eq(label("task ", &text, "abc")->serial, abc->serial);
        cr_expect_neq(label("task ", &text, "abd")->serial, abc->serial);
        cr_expect_neq(label("task", &text, "abc")->serial, abc->serial);
        struct pystack_frame frame = { .code = abc, .instruction = -1 };
        cr_expect_eq(pystack_line(py, &frame), 0);
        cr_expect_str_eq(name_of(label("", NULL, NULL)), "");
        end();
}

Test(pystack_label, of_other_characters_is_another)
{
        begin();
        static const uint16_t two[] = { 'a', 0x20ac };
        static const uint32_t four[] = { 'a', 0x10348 }, narrow[] = { 'a', 'b' };
        const struct pystr one = { .chars = 2, .width = 1 }, wide = { .chars = 2, .width = 2 },
                           wider = { .chars = 2, .width = 4 }, utf8 = { .chars = 2, .width = 1, .utf8 = true },
                           cut = { .chars = 2, .width = 1, .cut = true };
        const struct pystack_code *codes[] = { label("task ", &one, "ab"),       label("task ", &wide, two),
                                               label("task ", &wider, four),     label("task ", &utf8, "ab"),
                                               label("task ", &cut, "ab"),       label("task ", &wider, narrow),
                                               label("task ", &one, "\xe4\xf6"), label("task ", &utf8, "\xc3\xa4") };
        const char *names[] = {
                "task ab", "task a€", "task a𐍈", "task ab", "task ab…", "task ab", "task äö", "task ä"
        };
        for (size_t i = 0; i < 8; i++) {
                cr_expect_str_eq(name_of(codes[i]), names[i]);
                for (size_t j = 0; j < i; j++)
                        cr_expect_neq(codes[i]->serial, codes[j]->serial, "%zu %zu", i, j);
        }
        end();
}

/* 4096 characters, each of which becomes the longest escape, and what stands before them, have room as text. */
Test(pystack_label, of_the_longest_text_has_room)
{
        begin();
        uint32_t *data = malloc((PYSTR_MAX_CHARS + 1) * sizeof *data);
        struct pystr text = { .chars = PYSTR_MAX_CHARS, .width = 4, .cut = true };
        for (size_t i = 0; i <= PYSTR_MAX_CHARS; i++)
                data[i] = 0xffffffff;
        const struct pystack_code *code = label("task ", &text, data);
        cr_expect_leq(((const struct code_entry *)code)->name.chars, PYSTR_MAX_CHARS);
        cr_expect_leq(code->chars, PYSTR_MAX_CHARS);
        cr_expect_lt(strlen(name_of(code)), PYSTACK_TEXT_SIZE);
        cr_expect_str_eq(name_of(code) + strlen(name_of(code)) - 3, "…");
        text.cut = false;
        cr_expect_eq(label("task ", &text, data), code, "it is cut as well");
        /* Not in the middle of a character of UTF-8. */
        memset(data, 0xa4, PYSTR_MAX_CHARS);
        for (size_t i = 0; i < PYSTR_MAX_CHARS; i += 2)
                ((uint8_t *)data)[i] = 0xc3;
        text = (struct pystr){ .chars = PYSTR_MAX_CHARS, .width = 1, .utf8 = true };
        cr_expect_str_eq(name_of(label("task ", &text, data)) + PYSTR_MAX_CHARS - 3, "ä…");
        free(data);
        end();
}

/* A pointer of the target's that has the address of a label. */
Test(pystack_label, is_no_code_object_of_a_frame)
{
        EACH_VERSION(v)
        {
                struct pystack_stack stack;
                forge_init(&forge, v);
                py = forge_open(&forge);
                struct pystack_thread *thread = forge_thread(&forge, py);
                const struct pystack_code *code = label("task forged", NULL, NULL);
                uint64_t addr = ((const struct code_entry *)code)->addr;
                cr_expect(label_is(addr));
                uint64_t outer = forge_frame(&forge, forge_code(&forge, "outer", "a.py", 3), 0);
                forge_run(&forge, forge_frame(&forge, addr, outer));
                int e = pystack_sample(py, thread, 2, &stack);
                cr_expect(e == PYSTACK_E_CORRUPT || e == PYSTACK_E_TORN, "%s: %d", v->name, e);
                pystack_thread_close(thread);
                end();
        }
}

Test(pystack_label, beyond_the_limit_is_refused_and_then_there_is_room)
{
        begin();
        py->codes.limit = 16 << 10;
        unsigned made = 0;
        for (int e = 0; e == 0 && made < 1000; made++) {
                char name[32];
                const struct pystack_code *code = NULL;
                snprintf(name, sizeof name, "task %u", made);
                e = label_get(py, name, NULL, NULL, &code);
                cr_expect(e == 0 || (e == PYSTACK_E_COSTLY && made > 4), "%d", e);
        }
        cr_expect_lt(made, 100);
        cr_expect_leq(py->codes.bytes, 16 << 10);
        code_cache_sweep(&py->codes);
        cr_expect_str_eq(name_of(label("task again", NULL, NULL)), "task again");
        end();
}

/* More labels than there are tries for one hash do not get in each other's way. */
Test(pystack_label, there_may_be_many)
{
        begin();
        for (unsigned round = 0; round < 2; round++)
                for (unsigned i = 0; i < 2000; i++) {
                        char name[32];
                        snprintf(name, sizeof name, "task Task-%u", i);
                        cr_assert_str_eq(name_of(label(name, NULL, NULL)), name);
                }
        cr_expect_eq(py->codes.next_serial, 2000);
        end();
}
