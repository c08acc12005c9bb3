/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3.11 and 3.12: what a thread's memory shows between the instructions that begin a
 * loop, call a function or end it, with what earlier calls have left in those places.
 */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_loops);

/* main -> (C) -> key -> inner; the second loop's shim in 3.12. */
struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        uint64_t main, shim, key, inner;
        uint64_t cframe, outer_cframe;
};

static uint64_t code(struct world *w, const char *name)
{
        return forge_code(&w->forge, name, "a.py", 1);
}

static uint64_t word(struct world *w, uint64_t addr)
{
        return word_at(forge_at(&w->forge, addr), 0);
}

/* It has executed something, and runs or waits for C. */
static void set_begun(struct world *w, uint64_t frame, bool begun)
{
        const struct layout *l = &w->forge.layout;
        uint64_t of = word(w, frame + l->frame.code);

        forge_word(&w->forge, frame + l->frame.position, of + l->code.bytecode + (begun ? 6 : -2ull));
        forge_half(&w->forge, frame + l->frame.stack_top, begun ? UINT32_MAX : 1);
}

/* In 3.11 the loop of the callee needs a cframe of its own, and the callee says that C has called it. */
static void begin_second_loop(struct world *w)
{
        const struct layout *l = &w->forge.layout;

        if (l->frame.entry == LAYOUT_NONE)
                return;
        w->outer_cframe = w->forge.cframe;
        w->cframe = forge_alloc(&w->forge, 64);
        *forge_at(&w->forge, w->key + l->frame.entry) = 1;
        forge_word(&w->forge, w->outer_cframe + l->tstate.cframe_frame, w->main);
        forge_word(&w->forge, w->cframe + l->tstate.cframe_frame, w->inner);
        forge_word(&w->forge, w->cframe + l->tstate.cframe_previous, w->outer_cframe);
        forge_word(&w->forge, w->forge.tstate + l->tstate.cframe, w->cframe);
}

static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        const struct layout *l = &w->forge.layout;
        w->main = forge_frame(&w->forge, code(w, "main"), 0);
        w->shim = l->frame.entry == LAYOUT_NONE ? forge_frame_elsewhere(&w->forge, 0, w->main, LAYOUT_OWNER_SHIM)
                                                : w->main;
        w->key = forge_frame(&w->forge, code(w, "key"), w->shim);
        w->inner = forge_frame(&w->forge, code(w, "inner"), w->key);
        forge_run(&w->forge, w->inner);
        w->cframe = word(w, w->forge.tstate + l->tstate.cframe);
        w->outer_cframe = word(w, w->cframe + l->tstate.cframe_previous);
        begin_second_loop(w);
        set_begun(w, w->main, true);
        set_begun(w, w->key, true);
        set_begun(w, w->inner, true);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

/* The names of the stack, leaf first; "torn" if there is none. */
static const char *stack_of(struct world *w)
{
        static char names[256];
        struct pystack_stack stack;
        int e = pystack_sample(w->py, w->thread, 2, &stack);

        names[0] = '\0';
        for (size_t i = 0; e == 0 && i < stack.n; i++) {
                strcat(names, i ? " " : "");
                strcat(names, frame_name(&stack.frames[i]));
        }
        return e == PYSTACK_E_TORN ? "torn" : e != 0 ? "error" : names;
}

#define EXPECT_STACK(w, v, wanted)                                                             \
        do {                                                                                   \
                const char *stack_ = stack_of(w);                                              \
                cr_expect_str_eq(stack_, wanted, "%s: %s, not %s", (v)->name, stack_, wanted); \
        } while (0)

#define EACH_VERSION_WITH_LOOPS(v) EACH_VERSION(v) if (v->version >> 16 == 0x030b || v->version >> 16 == 0x030c)

Test(pystack_loops, one_inside_of_the_other_are_one_stack)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                EXPECT_STACK(&w, v, "inner key main");
                EXPECT_STACK(&w, v, "inner key main");
                end(&w);
        }
}

/* The thread state points to the new cframe, in which an older loop's fields stand. */
Test(pystack_loops, a_cframe_of_an_older_loop_is_not_believed)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                const struct layout *l = &w.forge.layout;
                EXPECT_STACK(&w, v, "inner key main");
                /* Today main has called other(), which has called C: key and inner are what was called before. */
                forge_word(&w.forge, w.outer_cframe + l->tstate.cframe_frame, w.inner);
                EXPECT_STACK(&w, v, "torn");
                forge_word(&w.forge, w.outer_cframe + l->tstate.cframe_frame, w.main);
                EXPECT_STACK(&w, v, "inner key main");
                /* Of an older loop, or not a cframe at all, is what lies before it. */
                forge_word(&w.forge, w.cframe + l->tstate.cframe_previous, w.cframe);
                EXPECT_STACK(&w, v, "torn");
                forge_word(&w.forge, w.cframe + l->tstate.cframe_previous, 0);
                EXPECT_STACK(&w, v, "torn");
                forge_word(&w.forge, w.cframe + l->tstate.cframe_previous, w.outer_cframe);
                forge_word(&w.forge, w.cframe + l->tstate.cframe_frame, 0);
                EXPECT_STACK(&w, v, "torn");
                end(&w);
        }
}

/* A frame stands as the running one before its link is written, which is an older frame's. */
Test(pystack_loops, an_old_link_that_misses_a_frame_is_not_believed)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                set_begun(&w, w.inner, false);
                EXPECT_STACK(&w, v, "inner key main");
                uint64_t link = w.inner + w.forge.layout.frame.previous;
                forge_word(&w.forge, link, w.shim);
                EXPECT_STACK(&w, v, "torn");
                end(&w);
        }
}

/* Its caller is a generator, whose frame is not on the data stack, and leaves no gap there. */
Test(pystack_loops, an_old_link_that_misses_a_generator_is_not_believed)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                uint64_t exc_info = w.forge.tstate + w.forge.layout.tstate.exc_info, none = word(&w, exc_info);
                set_begun(&w, w.inner, false);
                EXPECT_STACK(&w, v, "inner key main");
                forge_word(&w.forge, exc_info, FORGE_BASE + 4096);
                EXPECT_STACK(&w, v, "torn");
                set_begun(&w, w.inner, true); /* now it is resuming a generator itself */
                EXPECT_STACK(&w, v, "inner key main");
                forge_word(&w.forge, exc_info, none);
                EXPECT_STACK(&w, v, "inner key main");
                end(&w);
        }
}

Test(pystack_loops, a_frame_beyond_the_top_is_gone)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                uint64_t top = w.forge.tstate + w.forge.layout.tstate.chunk_top;
                EXPECT_STACK(&w, v, "inner key main");
                forge_word(&w.forge, top, w.inner);
                EXPECT_STACK(&w, v, "torn");
                forge_word(&w.forge, top, w.inner + 4 * (w.inner - w.key)); /* a callee that is being prepared */
                EXPECT_STACK(&w, v, "inner key main");
                end(&w);
        }
}

/* Frames that are being cleared lie between, while __del__ of what they held runs. */
Test(pystack_loops, only_below_what_c_has_called_there_may_be_others)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                const struct layout *l = &w.forge.layout;
                uint64_t words = word(&w, w.main + l->frame.code) + l->code.words[0];
                forge_half(&w.forge, words, half_at(forge_at(&w.forge, words), 0) - 2);
                EXPECT_STACK(&w, v, "inner key main");
                words = word(&w, w.key + l->frame.code) + l->code.words[0];
                forge_half(&w.forge, words, half_at(forge_at(&w.forge, words), 0) - 2);
                EXPECT_STACK(&w, v, "torn");
                end(&w);
        }
}

/* In 3.11 an old cframe points to the frame that returned last in it; in the gap it would have been called from. */
Test(pystack_loops, a_frame_that_has_returned_is_not_believed_in_a_gap)
{
        EACH_VERSION_WITH_LOOPS(v)
        {
                struct world w;
                begin(&w, v);
                const struct layout *l = &w.forge.layout;
                uint64_t words = word(&w, w.main + l->frame.code) + l->code.words[0];
                forge_word(&w.forge, w.cframe + l->tstate.cframe_frame, w.key);
                forge_half(&w.forge, w.key + l->frame.stack_top, 1);
                EXPECT_STACK(&w, v, "key main");
                forge_half(&w.forge, words, half_at(forge_at(&w.forge, words), 0) - 2);
                EXPECT_STACK(&w, v, "torn");
                forge_half(&w.forge, w.key + l->frame.stack_top, UINT32_MAX);
                EXPECT_STACK(&w, v, "key main");
                end(&w);
        }
}
