/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused is told: which field, where, what was expected, what was there. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_told.h"
#include "tests/unit/support/suite.h"

#include "pystack/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

SUITE(pystack_trace);

/* A runtime with a thread in one function, and what was told of it. */
struct world {
        struct forge forge;
        struct told told;
        uint64_t code, frame;
};

static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        w->code = forge_code(&w->forge, "f", "t.py", 1);
        w->frame = forge_frame(&w->forge, w->code, 0);
        forge_run(&w->forge, w->frame);
}

static uint64_t word(struct world *w, uint64_t addr)
{
        uint64_t value;

        memcpy(&value, forge_at(&w->forge, addr), sizeof value);
        return value;
}

/* Opens it, and reads the thread; the first error. */
static int open_and_read(struct world *w)
{
        struct pystack_memory remote = forge_remote(&w->forge);
        struct pystack_location location = forge_location(&w->forge);
        const struct pystack_options options = {
                .trace = { told_keep, &w->told }, .memory = &remote, .location = &location, .inner_pid = FORGE_PTHREAD
        };
        const struct pystack_thread_ref *refs;
        struct pystack_info info;
        struct pystack *py;
        size_t n;

        w->told.n = 0;
        int e = pystack_open(&options, &py, &info);
        if (e != 0)
                return e;
        struct pystack_thread *thread = forge_thread(&w->forge, py);
        struct pystack_stack stack;
        e = pystack_threads(py, &refs, &n);
        if (e == 0)
                e = pystack_sample(py, thread, 2, &stack);
        pystack_thread_close(thread);
        pystack_close(py);
        return e;
}

/* A word that is damaged, and how that must be told. */
struct damage {
        const char *field;
        uint64_t (*where)(struct world *w);
        uint64_t value;
        int error;
};

static uint64_t interpreters(struct world *w)
{
        return forge_runtime(&w->forge).interpreters;
}

static uint64_t threads_head(struct world *w)
{
        return w->forge.interp + w->forge.layout.interp.threads_head;
}

static uint64_t tstate_interp(struct world *w)
{
        return w->forge.tstate + w->forge.layout.tstate.interp;
}

static uint64_t code_type(struct world *w)
{
        return w->code + w->forge.layout.object_type;
}

static uint64_t file_length(struct world *w)
{
        return word(w, w->code + w->forge.layout.code.file) + w->forge.layout.string.length;
}

static uint64_t name_state(struct world *w)
{
        return word(w, w->code + w->forge.layout.code.name) + w->forge.layout.string.state;
}

static uint64_t lines_length(struct world *w)
{
        return word(w, w->code + w->forge.layout.code.lines) + w->forge.layout.bytes.size;
}

static const struct damage damages[] = {
        { "runtime.interpreters_head", interpreters, 0, PYSTACK_E_NOT_READY },
        { "interp.threads_head", threads_head, 0, PYSTACK_E_NOT_READY },
        { "tstate.interp", tstate_interp, 0x1234, PYSTACK_E_CORRUPT },
        { "code.ob_type", code_type, 0x5678, PYSTACK_E_TORN },
        { "code.filename", file_length, UINT64_MAX, PYSTACK_E_TORN },
        { "code.name", name_state, 0xffffffff, PYSTACK_E_TORN },
        { "code.linetable", lines_length, UINT64_MAX, PYSTACK_E_TORN },
};

Test(pystack_trace, a_damaged_field_is_named_with_its_address_and_value)
{
        EACH_VERSION(v)
        for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
                const struct damage *d = &damages[i];
                struct world w;
                if (d->where == name_state && v->version < 0x03000000)
                        continue; /* a string of 2.x has no state */
                begin(&w, v);
                cr_assert_eq(open_and_read(&w), 0, "%s", v->name);
                cr_expect_eq(w.told.n, 0, "%s: nothing is refused of what is whole, not %s", v->name,
                             w.told.n > 0 ? w.told.items[0].field : "");
                uint64_t address = d->where(&w), found = d->where == name_state ? (uint32_t)d->value : d->value;
                if (d->where == name_state)
                        forge_half(&w.forge, address, (uint32_t)d->value);
                else
                        forge_word(&w.forge, address, d->value);
                cr_expect_eq(open_and_read(&w), d->error, "%s: %s", v->name, d->field);
                const struct pystack_refusal *told = told_find(&w.told, d->field, address);
                cr_assert(told, "%s: %s at %lx", v->name, d->field, (unsigned long)address);
                cr_expect_eq(told->found, found, "%s: %s", v->name, d->field);
                cr_expect_not(told->unreadable);
                forge_deinit(&w.forge);
        }
}

Test(pystack_trace, a_pointer_to_nowhere_is_told_as_unreadable)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                forge_word(&w.forge, w.frame + w.forge.layout.frame.code, 64);
                cr_expect_eq(open_and_read(&w), PYSTACK_E_TORN, "%s", v->name);
                const struct pystack_refusal *told = told_find(&w.told, "frame.code", 64);
                cr_expect(told && told->unreadable, "%s", v->name);
                forge_deinit(&w.forge);
        }
}

/* Each word of the table that is absurd is named by its own address. */
Test(pystack_trace, a_word_of_the_debug_offsets_is_told_with_its_address)
{
        EACH_VERSION(v)
        {
                struct world w;
                if (!v->table)
                        continue;
                begin(&w, v);
                for (size_t at = 3; at < 73; at++) {
                        uint64_t address = w.forge.runtime + 8 * at, before = word(&w, address);
                        forge_word(&w.forge, address, UINT64_MAX - at);
                        cr_expect_eq(open_and_read(&w), PYSTACK_E_CORRUPT, "%s: %zu", v->name, at);
                        const struct pystack_refusal *told = told_find(&w.told, "debug_offsets", address);
                        cr_assert(told, "%s: %zu", v->name, at);
                        cr_expect_eq(told->found, UINT64_MAX - at);
                        forge_word(&w.forge, address, before);
                }
                uint64_t owner = w.forge.runtime + 8 * (v->version >> 16 == 0x030d   ? 33
                                                        : v->version >> 16 == 0x030e ? 36
                                                                                     : 44);
                forge_word(&w.forge, owner, 4000);
                cr_expect_eq(open_and_read(&w), PYSTACK_E_CORRUPT);
                const struct pystack_refusal *told = told_find(&w.told, "frame.owner", owner);
                cr_assert(told, "%s", v->name);
                cr_expect_eq(told->found, 4001, "its end");
                cr_expect_eq(told->wanted, w.forge.layout.frame.size);
                forge_deinit(&w.forge);
        }
}

Test(pystack_trace, a_thread_list_that_goes_in_a_circle_is_told)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                uint64_t other = forge_add_thread(&w.forge, 0x6160);
                forge_word(&w.forge, w.forge.tstate + w.forge.layout.tstate.next, other);
                open_and_read(&w);
                cr_expect(told_find(&w.told, "tstate.next", other), "%s", v->name);
                forge_deinit(&w.forge);
        }
}

Test(pystack_trace, a_line_is_bounded_and_its_names_are_escaped)
{
        struct told told = { 0 };
        struct pystack_memory memory = { .trace = { told_keep, &told }, .pid = 7 };
        const struct pystack_refusal refusal = {
                .field = "tstate.interp", .expected = "its interpreter", .address = 0x10, .wanted = 0x20, .found = 0x30
        };
        char line[PYSTACK_REFUSAL_SIZE], name[4096];

        trace_refusal(&memory, &refusal, NULL);
        pystack_refusal_text(&told.items[0], line);
        cr_expect_str_eq(line, "tstate.interp at 0x10: expected its interpreter (0x20), found 0x30");
        trace_refusal(&memory, &refusal, "lib\33[31m\n.so");
        pystack_refusal_text(&told.items[1], line);
        cr_expect_str_eq(line,
                         "tstate.interp at 0x10 in lib\\x1b[31m\\x0a.so: expected its interpreter (0x20), found 0x30");
        memset(name, '\n', sizeof name);
        name[sizeof name - 1] = '\0';
        trace_refusal(&memory, &refusal, name);
        cr_expect_lt(strlen(told.items[2].name), sizeof told.items[2].name);
        pystack_refusal_text(&told.items[2], line);
        cr_expect_lt(strlen(line), sizeof line);
        trace_refusal(&(struct pystack_memory){ 0 }, &refusal, NULL);
        cr_expect_eq(told.n, 3, "nobody is told");
}
