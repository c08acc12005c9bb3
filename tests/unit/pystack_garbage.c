/* SPDX-License-Identifier: Apache-2.0 */
/* A collection is told of the thread that runs it, and of no other one; of the frame that it has interrupted. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_garbage);

#define HERE 3

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t outer, inner; /* frames */
};

static uint64_t in(const struct world *w, uint16_t of_runtime_until, uint32_t offset)
{
        return (w->forge.layout.version <= of_runtime_until ? w->forge.runtime : w->forge.interp) + offset;
}

static void set_flag(struct world *w, uint32_t flag)
{
        forge_half(&w->forge, in(w, 0x0308, w->forge.layout.gc.collecting), flag);
}

static void set_gil(struct world *w, uint64_t holder, uint64_t switches)
{
        uint64_t at = in(w, 0x030b, w->forge.layout.gc.gil);

        forge_word(&w->forge, at, holder);
        forge_word(&w->forge, at + 16, switches);
        if (w->forge.layout.interp.gil != LAYOUT_NONE)
                forge_word(&w->forge, w->forge.interp + w->forge.layout.interp.gil, at - w->forge.layout.gil.holder);
}

static void start(void)
{
}

static bool unbroken(int cpu)
{
        return cpu == HERE;
}

static void sample(struct world *w, bool frozen)
{
        const struct pystack_uninterrupted uninterrupted = { .cpu = HERE, .begin = start, .unbroken = unbroken };

        cr_assert_eq(pystack_sample_frozen(w->py, w->thread, frozen ? &uninterrupted : NULL, 1, &w->stack), 0, "%s",
                     w->forge.version->name);
}

static bool tells_by_gil(const struct forge_version *v)
{
        return v->version >= 0x03070000 && v->version < 0x030f0000 && !strchr(v->name, 't');
}

#define EACH_BY_GIL(v) EACH_VERSION(v) if (tells_by_gil(v))

/* A thread that has been seen twice while nothing was collected, and holds the GIL for the fifth turn. */
static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        w->outer = forge_frame(&w->forge, forge_code(&w->forge, "outer", "a.py", 3), 0);
        w->inner = forge_frame(&w->forge, forge_code(&w->forge, "inner", "b.py", 7), w->outer);
        forge_run(&w->forge, w->inner);
        w->thread->on_cpu = forge_alloc(&w->forge, 8);
        forge_half(&w->forge, w->thread->on_cpu, HERE);
        if (w->forge.layout.gc.gil != LAYOUT_NONE)
                set_gil(w, w->forge.tstate, 5);
        sample(w, false);
        sample(w, false);
        cr_expect(!w->stack.gc);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

Test(pystack_garbage, who_has_held_the_gil_since_nothing_was_collected_collects)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                forge_add_thread(&w.forge, 77);
                set_flag(&w, 1);
                for (int frozen = 0; frozen < 2; frozen++) {
                        sample(&w, frozen);
                        cr_expect(w.stack.gc && w.stack.gc_certain && w.stack.gc_at == 0, "%s", v->name);
                }
                set_flag(&w, 0);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s", v->name);
                end(&w);
        }
}

Test(pystack_garbage, who_has_taken_the_gil_since_then_may_not)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                uint64_t other = forge_add_thread(&w.forge, 77);
                set_flag(&w, 1);
                set_gil(&w, w.forge.tstate, 7); /* another thread had it in between, and may have begun to collect */
                for (int i = 0; i < 4; i++) {
                        sample(&w, i % 2);
                        cr_expect(!w.stack.gc, "%s", v->name);
                }
                set_gil(&w, other, 8);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s", v->name);
                end(&w);
        }
}

/* take_gil() notes the holder, then counts. */
Test(pystack_garbage, who_is_just_taking_the_gil_does_not_collect)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                struct pystack_thread *first = w.thread;
                uint64_t other = forge_add_thread(&w.forge, 77);
                struct pystack_thread_ref ref = { .tstate = other, .interp = w.forge.interp, .pthread = 77 };
                forge_run_in(&w.forge, other, w.inner);
                cr_assert_eq(pystack_thread_open(w.py, &ref, &w.thread), 0);
                sample(&w, false);
                set_flag(&w, 1);
                set_gil(&w, other, 5);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s", v->name);
                pystack_thread_close(w.thread);
                w.thread = first;
                end(&w);
        }
}

/* The flag may have been read in the turn before. */
Test(pystack_garbage, one_reading_of_a_thread_that_runs_does_not_tell_its_turn)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                forge_add_thread(&w.forge, 77);
                set_gil(&w, w.forge.tstate, 7);
                sample(&w, false);
                set_flag(&w, 1);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s", v->name);
                set_flag(&w, 0);
                sample(&w, true);
                set_flag(&w, 1);
                sample(&w, false);
                cr_expect(w.stack.gc, "%s: a frozen thread's does", v->name);
                end(&w);
        }
}

Test(pystack_garbage, the_only_thread_collects_whatever_the_gil_says)
{
        EACH_VERSION(v)
        {
                struct world w;
                bool told = v->version >= 0x03090000 && v->version < 0x030f0000;
                begin(&w, v);
                if (w.forge.layout.gc.gil != LAYOUT_NONE)
                        set_gil(&w, w.forge.tstate, 7);
                sample(&w, true);
                if (w.forge.layout.gc.collecting != LAYOUT_NONE)
                        set_flag(&w, 1);
                sample(&w, true);
                cr_expect_eq(w.stack.gc, told || tells_by_gil(v), "%s", v->name);
                if (w.forge.layout.gc.gil != LAYOUT_NONE)
                        set_gil(&w, w.forge.tstate, 9);
                sample(&w, true);
                cr_expect_eq(w.stack.gc, told, "%s", v->name);
                forge_add_thread(&w.forge, 77);
                for (int i = 0; i < 3; i++)
                        sample(&w, true);
                cr_expect(!w.stack.gc, "%s", v->name);
                end(&w);
        }
}

/* While objects of a generation are marked, no other thread runs. */
Test(pystack_garbage, the_holder_of_the_gil_collects_while_objects_are_marked)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                bool told = v->version >= 0x03080000 && v->version < 0x030e0000;
                begin(&w, v);
                uint64_t other = forge_add_thread(&w.forge, 77), object = forge_alloc(&w.forge, 32);
                uint64_t oldest = in(&w, 0x0308, w.forge.layout.gc.collecting) - 176 + 48;
                forge_word(&w.forge, oldest, w.forge.runtime);
                forge_word(&w.forge, oldest + 8, object);
                forge_word(&w.forge, object + 8, 2);
                set_flag(&w, 1);
                set_gil(&w, other, 7);
                sample(&w, true);
                cr_expect(!w.stack.gc, "%s: another one holds it", v->name);
                set_gil(&w, w.forge.tstate, 8);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s: not frozen", v->name);
                sample(&w, true);
                cr_expect_eq(w.stack.gc && w.stack.gc_certain, told, "%s", v->name);
                forge_word(&w.forge, object + 8, 1);
                sample(&w, true);
                cr_expect_eq(w.stack.gc, told, "%s: later in that turn", v->name);
                set_gil(&w, w.forge.tstate, 10);
                sample(&w, true);
                cr_expect(!w.stack.gc, "%s: in another turn", v->name);
                end(&w);
        }
}

/* A finalizer, which C has called, with a function that it calls. */
static void run_finalizer(struct world *w)
{
        uint64_t from = w->inner;

        if (w->forge.root)
                from = forge_frame_elsewhere(&w->forge, 0, from, LAYOUT_OWNER_SHIM);
        uint64_t frame = forge_frame(&w->forge, forge_code(&w->forge, "__del__", "a.py", 9), from);
        forge_run(&w->forge, forge_frame(&w->forge, forge_code(&w->forge, "close", "a.py", 12), frame));
}

Test(pystack_garbage, what_the_collector_may_have_called_is_in_doubt)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                if (w.forge.layout.frame.entry == LAYOUT_NONE) {
                        run_finalizer(&w);
                        set_flag(&w, 1);
                        sample(&w, false);
                        cr_expect(w.stack.n == 4 && w.stack.gc && !w.stack.gc_certain, "%s", v->name);
                        cr_expect_eq(w.stack.gc_at, 2, "%s", v->name);
                        set_flag(&w, 0);
                        sample(&w, false); /* the program makes the same call itself */
                        set_flag(&w, 1);
                        sample(&w, false);
                        cr_expect(w.stack.gc_certain && w.stack.gc_at == 0, "%s", v->name);
                }
                end(&w);
        }
}

Test(pystack_garbage, the_interrupted_frame_tells)
{
        EACH_VERSION(v)
        {
                struct world w;
                if (strcmp(v->name, "3.15") != 0)
                        continue; /* the table of 3.15t is not whole */
                begin(&w, v);
                uint64_t at = w.forge.interp + w.forge.layout.gc.interrupted;
                run_finalizer(&w);
                set_flag(&w, 1);
                sample(&w, false);
                cr_expect(!w.stack.gc);
                forge_word(&w.forge, at, forge_frame(&w.forge, forge_code(&w.forge, "other", "a.py", 1), 0));
                sample(&w, false);
                cr_expect(!w.stack.gc, "another thread's");
                forge_word(&w.forge, at, w.inner);
                sample(&w, false);
                cr_expect(w.stack.gc && w.stack.gc_certain);
                cr_expect_eq(w.stack.gc_at, 2);
                set_flag(&w, 0);
                sample(&w, false);
                cr_expect(!w.stack.gc);
                end(&w);
        }
}

Test(pystack_garbage, a_flag_that_is_none_is_not_believed_again)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                begin(&w, v);
                set_flag(&w, 2);
                sample(&w, false);
                set_flag(&w, 1);
                sample(&w, false);
                cr_expect(!w.stack.gc, "%s", v->name);
                end(&w);
        }
}

Test(pystack_garbage, what_cannot_be_read_costs_no_stack)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                if (v->version >= 0x030c0000)
                        continue;
                begin(&w, v);
                w.py->info.runtime = 16;
                w.thread->garbage.interp = 0;
                for (int frozen = 0; frozen < 2; frozen++) {
                        set_flag(&w, 1);
                        sample(&w, frozen);
                        cr_expect(w.stack.n == 2 && !w.stack.gc, "%s", v->name);
                }
                end(&w);
        }
}

/* A program that does not collect is looked at less often, until it does. */
Test(pystack_garbage, a_program_that_never_collects_is_looked_at_rarely)
{
        EACH_BY_GIL(v)
        {
                struct world w;
                unsigned told = 0;
                if (v->version >= 0x030e0000)
                        continue;
                begin(&w, v);
                for (int i = 0; i < 3000; i++)
                        sample(&w, false);
                set_flag(&w, 1);
                for (int i = 0; i < 100; i++) {
                        sample(&w, false);
                        told += w.stack.gc;
                }
                cr_expect(told >= 93 && told <= 100 && w.stack.gc, "%s: %u", v->name, told);
                end(&w);
        }
}
