/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot of a frozen thread turns out to lack is read on its own, and believed only if it is still frozen then. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>

SUITE(pystack_extend);

#define HERE 3

/* A thread is read twice at first, even if it is frozen, and then from time to time. */
#define AUDITED 17

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t cpu;     /* the address of the thread's */
        uint64_t outer;   /* the newest chain's outer code object */
        unsigned chains;  /* made so far */
        unsigned changes; /* calls of the hook */
        unsigned move_at; /* in which of them the thread is taken away; 0: never */
};

static bool came_back;

static void start(void)
{
        came_back = false;
}

static bool unbroken(int cpu)
{
        return !came_back && cpu == HERE;
}

static const struct pystack_uninterrupted uninterrupted = { .cpu = HERE, .begin = start, .unbroken = unbroken };

/* Frames that nobody has seen yet, of code objects likewise: the outer one on the heap, the inner one at the top. */
static uint64_t fresh_chain(struct world *w)
{
        char inner[16], outer[16];

        snprintf(inner, sizeof inner, "i%u", w->chains);
        snprintf(outer, sizeof outer, "o%u", w->chains++);
        w->outer = forge_code(&w->forge, outer, "x.py", 1);
        uint64_t frame = forge_frame_elsewhere(&w->forge, w->outer, 0, 1);
        return forge_frame(&w->forge, forge_code(&w->forge, inner, "x.py", 2), frame);
}

/* Both frames are of one chain. */
static void check_chain(const struct pystack_stack *stack)
{
        cr_assert_eq(stack->n, 2);
        const char *inner = frame_name(&stack->frames[0]), *outer = frame_name(&stack->frames[1]);
        cr_assert(inner[0] == 'i' && outer[0] == 'o');
        cr_assert_str_eq(inner + 1, outer + 1);
}

static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        w->cpu = w->thread->on_cpu = forge_alloc(&w->forge, 8);
        forge_half(&w->forge, w->cpu, HERE);
        forge_run(&w->forge, fresh_chain(w));
        start();
        for (int i = 0; i < AUDITED; i++)
                cr_assert_eq(pystack_sample_frozen(w->py, w->thread, &uninterrupted, 1, &w->stack), 0, "%s",
                             version->name);
        w->forge.test = w;
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

Test(pystack_extend, a_new_stack_takes_one_whole_reading)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                for (unsigned i = 0; i < 10; i++) {
                        forge_run(&w.forge, fresh_chain(&w));
                        uint64_t before = w.py->numbers.snapshot;
                        cr_assert_eq(pystack_sample_frozen(w.py, w.thread, &uninterrupted, 1, &w.stack), 0, "%s",
                                     v->name);
                        check_chain(&w.stack);
                        cr_expect_eq(w.stack.retries, 0);
                        cr_expect_eq(w.py->numbers.snapshot, before + 1, "%s", v->name);
                }
                end(&w);
        }
}

/* It runs on: to other frames, and what was its outer function is freed, and its place taken by another one. */
static void run_on(struct world *w)
{
        uint64_t freed = w->outer;

        forge_run(&w->forge, fresh_chain(w));
        forge_recode(&w->forge, freed, "o", "x.py", 1);
}

/* Somewhere in all the reading the thread is taken to another CPU. */
static void take_away(struct forge *forge, size_t span, size_t n)
{
        struct world *w = forge->test;

        (void)span;
        (void)n;
        if (++w->changes != w->move_at)
                return;
        forge_half(forge, w->cpu, HERE + 1);
        run_on(w);
}

/* Or it gets the CPU back because the reader was switched out, which the reader's own rseq tells. */
static void switch_out(struct forge *forge, size_t span, size_t n)
{
        struct world *w = forge->test;

        (void)span;
        (void)n;
        if (++w->changes != w->move_at)
                return;
        came_back = true;
        run_on(w);
}

static void check_running(const struct forge_version *v, void (*event)(struct forge *, size_t, size_t))
{
        for (unsigned at = 1; at < 40; at++) {
                struct world w;
                begin(&w, v);
                w.move_at = at;
                forge_run(&w.forge, fresh_chain(&w));
                w.forge.between = event;
                cr_assert_eq(pystack_sample_frozen(w.py, w.thread, &uninterrupted, 5, &w.stack), 0, "%s %u", v->name,
                             at);
                check_chain(&w.stack);
                end(&w);
        }
}

/* Whenever it happens. */
Test(pystack_extend, a_thread_that_does_not_stay_frozen_is_not_believed)
{
        EACH_VERSION(v)
        {
                check_running(v, take_away);
                check_running(v, switch_out);
        }
}

/* The rest of a stack that has outgrown what is read of its chunk, many times over. */
Test(pystack_extend, a_stack_that_has_grown_is_whole)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                uint64_t code = forge_code(&w.forge, "deep", "y.py", 1), frame = 0;
                for (size_t i = 1; i <= 300; i++) {
                        frame = forge_frame(&w.forge, code, frame);
                        if (i % 60 != 0)
                                continue;
                        forge_run(&w.forge, frame);
                        uint64_t before = w.py->numbers.snapshot;
                        cr_assert_eq(pystack_sample_frozen(w.py, w.thread, &uninterrupted, 1, &w.stack), 0, "%s",
                                     v->name);
                        cr_expect_eq(w.stack.n, i, "%s: %zu of %zu", v->name, w.stack.n, i);
                        cr_expect_eq(w.py->numbers.snapshot, before + 1, "%s", v->name);
                }
                end(&w);
        }
}
