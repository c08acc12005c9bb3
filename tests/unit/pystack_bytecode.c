/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that run bytecode of their own, as in free-threaded builds from 3.14 on; forged, none was at hand. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/support/suite.h"

SUITE(pystack_bytecode);

#define INDEX 3
#define COPY_AT (FORGE_BASE + (4u << 20))

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        uint64_t code, frame, array;
};

/* A frame 10 bytes into the copy of its code's bytecode at @copy. */
static void begin(struct world *w, const struct forge_version *version)
{
        forge_init(&w->forge, version);
        const struct layout *l = &w->forge.layout;

        w->code = forge_code(&w->forge, "f", "t.py", 7);
        w->array = forge_alloc(&w->forge, 8 + 8 * (INDEX + 1));
        forge_word(&w->forge, w->array, INDEX + 1);
        forge_word(&w->forge, w->array + 8, w->code + l->code.bytecode);
        forge_word(&w->forge, w->array + 8 + 8 * INDEX, COPY_AT);
        forge_word(&w->forge, w->code + l->code.tlbc, w->array);
        w->frame = forge_frame(&w->forge, w->code, 0);
        forge_half(&w->forge, w->frame + l->frame.tlbc_index, INDEX);
        forge_word(&w->forge, w->frame + l->frame.position, COPY_AT + 10);
        forge_run(&w->forge, w->frame);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

static int32_t instruction(struct world *w)
{
        struct pystack_stack stack = { 0 };

        int e = pystack_sample(w->py, w->thread, 2, &stack);
        return e == 0 && stack.n == 1 ? stack.frames[0].instruction : -100 - e;
}

static const char *const builds[] = { "3.14t", "3.15t" };
#define EACH_BUILD(i) for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)

Test(pystack_bytecode, positions_count_from_the_threads_own_copy)
{
        EACH_BUILD(i)
        {
                struct world w;
                begin(&w, forge_version(builds[i]));
                cr_expect_eq(instruction(&w), 10);
                w.forge.reads = 0;
                cr_expect_eq(instruction(&w), 10);
                cr_expect_eq(w.forge.reads, 1, "remembered");
                end(&w);
        }
}

Test(pystack_bytecode, the_first_copy_is_the_code_objects_own)
{
        EACH_BUILD(i)
        {
                struct world w;
                begin(&w, forge_version(builds[i]));
                const struct layout *l = &w.forge.layout;
                forge_half(&w.forge, w.frame + l->frame.tlbc_index, 0);
                forge_word(&w.forge, w.frame + l->frame.position, w.code + l->code.bytecode + 24);
                cr_expect_eq(instruction(&w), 24);
                end(&w);
        }
}

Test(pystack_bytecode, copies_are_read_again_when_unused_ones_were_freed)
{
        EACH_BUILD(i)
        {
                struct world w;
                begin(&w, forge_version(builds[i]));
                const struct layout *l = &w.forge.layout;
                cr_expect_eq(instruction(&w), 10);
                forge_word(&w.forge, w.array + 8 + 8 * INDEX, COPY_AT + 4096);
                forge_word(&w.forge, w.frame + l->frame.position, COPY_AT + 4096 + 30);
                forge_half(&w.forge, w.forge.interp + l->interp.tlbc_generation, 1);
                cr_expect_eq(instruction(&w), 30);
                end(&w);
        }
}

Test(pystack_bytecode, indices_that_lie_are_no_stack)
{
        const uint32_t wild[] = { INDEX + 1, 4096, PYSTACK_MAX_THREADS, UINT32_MAX, INT32_MAX };

        EACH_BUILD(i)
        {
                struct world w;
                begin(&w, forge_version(builds[i]));
                for (size_t j = 0; j < sizeof wild / sizeof *wild; j++) {
                        forge_half(&w.forge, w.frame + w.forge.layout.frame.tlbc_index, wild[j]);
                        cr_expect_eq(instruction(&w), -100 - PYSTACK_E_TORN, "index %u", wild[j]);
                }
                forge_half(&w.forge, w.frame + w.forge.layout.frame.tlbc_index, 1);
                cr_expect_eq(instruction(&w), -100 - PYSTACK_E_TORN, "an entry that is empty");
                forge_word(&w.forge, w.code + w.forge.layout.code.tlbc, 64);
                cr_expect_eq(instruction(&w), -100 - PYSTACK_E_TORN, "a wild array");
                end(&w);
        }
}
