/* SPDX-License-Identifier: Apache-2.0 */
/* The opcode at which a thread stands: of forged code, of which each byte is known. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/support/suite.h"

#include "pystack/opcodes/table.h"

#include <stdio.h>
#include <string.h>

SUITE(pystack_opcodes);

/* Code with more units is not read: see opcodes/read.c. */
#define UNITS_MAX ((uint64_t)128 << 10)

static const struct {
        const char *begin; /* of the names of forged versions */
        const struct opcode *opcodes;
} tables[] = {
        { "3.11", opcodes_3_11 }, { "3.12", opcodes_3_12 }, { "3.13", opcodes_3_13 },
        { "3.14", opcodes_3_14 }, { "3.15", opcodes_3_15 },
};

/* NULL: the version has no opcodes to tell. */
static const struct opcode *opcodes_of(const struct forge_version *version)
{
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
                if (strncmp(version->name, tables[i].begin, strlen(tables[i].begin)) == 0)
                        return tables[i].opcodes;
        return NULL;
}

#define EACH_THAT_TELLS(v) \
        EACH_VERSION(v)    \
        if (opcodes_of(v))

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        const struct opcode *opcodes;
        uint64_t frame, bytecode;
        unsigned caches; /* behind the first instruction */
};

static uint8_t byte_of(const struct opcode *opcodes, const char *name)
{
        unsigned i = 0;

        while (i < 256 && !(opcodes[i].name && strcmp(opcodes[i].name, name) == 0))
                i++;
        cr_assert_lt(i, 256, "no %s", name);
        return (uint8_t)i;
}

/* A free-threaded interpreter has a list of the copies of a code object's bytecode; the first is its own. */
static void forge_copies(struct world *w, uint64_t code)
{
        uint64_t array = forge_alloc(&w->forge, 16);

        forge_word(&w->forge, array, 1);
        forge_word(&w->forge, array + 8, w->bytecode);
        forge_word(&w->forge, code + w->forge.layout.code.tlbc, array);
}

static void put_unit(struct world *w, uint64_t unit, const char *name)
{
        *forge_at(&w->forge, w->bytecode + 2 * unit) = byte_of(w->opcodes, name);
}

/* Where the instruction behind the first one begins, in units. */
static uint64_t second(const struct world *w)
{
        return 1 + w->caches;
}

/* A frame at the first instruction of @units code units: one with data behind it, which looks like NOP, and then NOP. */
static void begin(struct world *w, const struct forge_version *version, const char *first, uint64_t units)
{
        *w = (struct world){ .opcodes = opcodes_of(version) };
        forge_init(&w->forge, version);
        const struct layout *l = &w->forge.layout;
        uint64_t code = forge_code(&w->forge, "f", "t.py", 7);
        w->bytecode = code + l->code.bytecode;
        forge_alloc(&w->forge, 4096); /* long code reaches up to here */
        w->caches = w->opcodes[byte_of(w->opcodes, first)].caches;
        for (uint64_t i = 1; i < 12; i++)
                put_unit(w, i, "NOP");
        put_unit(w, 0, first);
        forge_word(&w->forge, code + layout_head(l), units);
        if (l->code.tlbc != LAYOUT_NONE)
                forge_copies(w, code);
        w->frame = forge_frame(&w->forge, code, 0);
        forge_word(&w->forge, w->frame + l->frame.position, w->bytecode);
        forge_run(&w->forge, w->frame);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        pystack_opcodes_want(w->py, true);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

static void stand_at(struct world *w, uint64_t unit)
{
        forge_word(&w->forge, w->frame + w->forge.layout.frame.position, w->bytecode + 2 * unit);
}

/* The name of what a sample tells; "" if it tells nothing. */
static const char *told(struct world *w)
{
        static char name[PYSTACK_OPCODE_SIZE];
        struct pystack_stack stack = { 0 };

        cr_assert_eq(pystack_sample(w->py, w->thread, 1, &stack), 0, "%s", w->forge.version->name);
        cr_assert_eq(stack.n, 1);
        *name = '\0';
        if (stack.opcode != PYSTACK_OPCODE_NONE)
                pystack_opcode_write(w->py, stack.opcode, name);
        return name;
}

#define SPECIALISED "LOAD_ATTR_INSTANCE_VALUE"

Test(pystack_opcodes, of_the_instruction_at_which_the_frame_stands)
{
        EACH_THAT_TELLS(v)
        {
                struct world w;
                begin(&w, v, SPECIALISED, 12);
                cr_expect(pystack_opcodes_told(w.py));
                cr_assert_gt(w.caches, 0);
                cr_expect_str_eq(told(&w), SPECIALISED, "%s", v->name);
                stand_at(&w, second(&w));
                cr_expect_str_eq(told(&w), "NOP", "%s", v->name);
                end(&w);
        }
}

/* The interpreter makes the code that it runs special, in place. */
Test(pystack_opcodes, of_the_moment)
{
        EACH_THAT_TELLS(v)
        {
                struct world w;
                begin(&w, v, "LOAD_ATTR", 12);
                cr_expect_str_eq(told(&w), "LOAD_ATTR", "%s", v->name);
                put_unit(&w, 0, SPECIALISED);
                cr_expect_str_eq(told(&w), SPECIALISED, "%s", v->name);
                end(&w);
        }
}

Test(pystack_opcodes, a_byte_of_data_is_unknown)
{
        EACH_THAT_TELLS(v)
        {
                struct world w;
                begin(&w, v, SPECIALISED, 12);
                for (uint64_t unit = 1; unit < second(&w); unit++) {
                        stand_at(&w, unit);
                        cr_expect_str_eq(told(&w), "unknown", "%s", v->name);
                }
                stand_at(&w, 12);
                cr_expect_str_eq(told(&w), "unknown", "%s: behind the code", v->name);
                end(&w);
        }
}

/* Instrumented code hides what it runs, and with it the length of that: where the next one begins is not known. */
Test(pystack_opcodes, behind_an_instruction_that_hides_another_all_is_unknown)
{
        EACH_THAT_TELLS(v)
        {
                struct world w;
                if (opcodes_of(v) == opcodes_3_11)
                        continue;
                begin(&w, v, "INSTRUMENTED_LINE", 512);
                put_unit(&w, 1 + OPCODE_HIDES, "NOP");
                cr_expect_str_eq(told(&w), "INSTRUMENTED_LINE", "%s", v->name);
                stand_at(&w, 1);
                cr_expect_str_eq(told(&w), "unknown", "%s", v->name);
                stand_at(&w, 1 + OPCODE_HIDES);
                cr_expect_str_eq(told(&w), "unknown", "%s", v->name);
                end(&w);
        }
}

/* The word of the frame that changes in the second reading of a sample. */
static uint64_t changing;

static void change_frame(struct forge *forge, size_t span, size_t n)
{
        if (forge->reads == 2 && n == 2 && span == 1)
                forge_word(forge, changing, word_at(forge_at(forge, changing), 0) + 16);
}

Test(pystack_opcodes, of_a_frame_that_has_moved_it_is_unknown)
{
        EACH_THAT_TELLS(v)
        {
                for (int code = 0; code < 2; code++) {
                        struct world w;
                        begin(&w, v, SPECIALISED, 12);
                        const struct layout *l = &w.forge.layout;
                        changing = w.frame + (code ? l->frame.code : l->frame.position);
                        cr_expect_str_eq(told(&w), SPECIALISED, "%s", v->name);
                        w.forge.reads = 0;
                        w.forge.between = change_frame;
                        cr_expect_str_eq(told(&w), "unknown", "%s: %s", v->name, code ? "code" : "position");
                        cr_expect_eq(w.forge.reads, 2);
                        end(&w);
                }
        }
}

Test(pystack_opcodes, code_beyond_the_bound_is_not_read)
{
        EACH_THAT_TELLS(v)
        {
                for (uint64_t more = 0; more < 2; more++) {
                        struct world w;
                        begin(&w, v, SPECIALISED, UNITS_MAX + more);
                        cr_expect_str_eq(told(&w), more ? "unknown" : SPECIALISED, "%s", v->name);
                        w.forge.reads = 0;
                        told(&w);
                        cr_expect_eq(w.forge.reads, 2, "%s: it is not tried again", v->name);
                        end(&w);
                }
        }
}

/* Lengths that a hostile process may claim. */
Test(pystack_opcodes, code_that_lies_about_its_length_has_none)
{
        const uint64_t lengths[] = { 0, UINT64_MAX, INT64_MIN, FORGE_SIZE, UINT32_MAX + (uint64_t)1 };

        EACH_THAT_TELLS(v)
        {
                for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                        struct world w;
                        begin(&w, v, SPECIALISED, lengths[i]);
                        cr_expect_str_eq(told(&w), "unknown", "%s: %zu", v->name, i);
                        end(&w);
                }
        }
}

/* Numbers change until the first release candidate. From 3.13 on a frame never points at data. */
Test(pystack_opcodes, of_a_version_without_a_table_the_number_is_told)
{
        EACH_THAT_TELLS(v)
        {
                char number[8];
                struct world w;
                begin(&w, v, SPECIALISED, 12);
                w.py->info.version = (v->version & 0xffffff00) | 0xa2;
                snprintf(number, sizeof number, "%u", *forge_at(&w.forge, w.bytecode));
                cr_expect_str_eq(told(&w), v->version < 0x030d0000 ? "unknown" : number, "%s", v->name);
                end(&w);
        }
}

Test(pystack_opcodes, cost_no_read_that_nobody_asked_for)
{
        EACH_THAT_TELLS(v)
        {
                struct world w;
                begin(&w, v, SPECIALISED, 12);
                for (int wanted = 1; wanted >= 0; wanted--) {
                        pystack_opcodes_want(w.py, wanted);
                        told(&w);
                        w.forge.reads = 0;
                        cr_expect_str_eq(told(&w), wanted ? SPECIALISED : "");
                        cr_expect_eq(w.forge.reads, 1 + (unsigned)wanted, "%s: %u", v->name, w.forge.reads);
                }
                end(&w);
        }
}

Test(pystack_opcodes, older_versions_have_none)
{
        EACH_VERSION(v)
        {
                struct world w = { .opcodes = NULL };
                struct pystack_stack stack;
                if (opcodes_of(v))
                        continue;
                forge_init(&w.forge, v);
                forge_run(&w.forge, forge_frame(&w.forge, forge_code(&w.forge, "f", "t.py", 7), 0));
                w.py = forge_open(&w.forge);
                w.thread = forge_thread(&w.forge, w.py);
                pystack_opcodes_want(w.py, true);
                cr_expect_not(pystack_opcodes_told(w.py), "%s", v->name);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                w.forge.reads = 0;
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                cr_expect_eq(stack.opcode, PYSTACK_OPCODE_NONE, "%s", v->name);
                cr_expect_eq(w.forge.reads, 1, "%s", v->name);
                end(&w);
        }
}

/* Each table tells what each version has, and no name twice. */
Test(pystack_opcodes, tables_are_sound)
{
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
                const struct opcode *opcodes = tables[i].opcodes;
                for (unsigned a = 0; a < 256; a++) {
                        if (!opcodes[a].name)
                                continue;
                        cr_expect_lt(strlen(opcodes[a].name), PYSTACK_OPCODE_SIZE);
                        for (unsigned b = a + 1; b < 256; b++)
                                cr_expect(!opcodes[b].name || strcmp(opcodes[a].name, opcodes[b].name) != 0, "%s",
                                          opcodes[a].name);
                }
        }
}
