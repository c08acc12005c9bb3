/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that is frozen is read once; one that is not, or only seems to be, is read twice. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <sys/rseq.h>
#include <unistd.h>

SUITE(pystack_frozen);

#define HERE 3

/* A thread is read twice at first, even if it is frozen: more than that, and not the one that is again. */
#define AUDITED 20

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
        struct pystack_stack stack;
        uint64_t ab, cd; /* frames of two chains that share no function */
        size_t last;     /* spans of the last read */
        uint64_t cpu;    /* the address of the thread's */
        unsigned changes;
};

static bool is_unbroken;
static bool came_back; /* the thread, to the reader's CPU, which was thus not running */

static void start(void)
{
        came_back = false;
}

static bool unbroken(int cpu)
{
        return is_unbroken && !came_back && cpu == HERE;
}

static const struct pystack_uninterrupted uninterrupted = { .cpu = HERE, .begin = start, .unbroken = unbroken };

static void count(struct forge *forge, size_t span, size_t n)
{
        struct world *w = forge->test;

        (void)span;
        w->last = n;
}

static void begin(struct world *w, const struct forge_version *version)
{
        *w = (struct world){ 0 };
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
        uint64_t a = forge_frame(&w->forge, forge_code(&w->forge, "a", "x.py", 1), 0);
        w->ab = forge_frame(&w->forge, forge_code(&w->forge, "b", "x.py", 2), a);
        uint64_t c = forge_frame(&w->forge, forge_code(&w->forge, "c", "x.py", 3), 0);
        w->cd = forge_frame(&w->forge, forge_code(&w->forge, "d", "x.py", 4), c);
        forge_run(&w->forge, w->ab);
        w->cpu = w->thread->on_cpu = forge_alloc(&w->forge, 8);
        forge_half(&w->forge, w->cpu, HERE);
        w->forge.test = w;
        w->forge.between = count;
        is_unbroken = true;
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

static size_t spans(struct world *w, const struct pystack_uninterrupted *by)
{
        for (int i = 0; i < AUDITED; i++)
                cr_assert_eq(pystack_sample_frozen(w->py, w->thread, by, 1, &w->stack), 0);
        w->forge.reads = 0;
        cr_assert_eq(pystack_sample_frozen(w->py, w->thread, by, 1, &w->stack), 0);
        cr_expect_str_eq(frame_name(&w->stack.frames[0]), "b");
        cr_expect_eq(w->stack.retries, 0);
        return w->last;
}

Test(pystack_frozen, a_frozen_thread_is_read_once)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                size_t twice = spans(&w, NULL), once = spans(&w, &uninterrupted);
                cr_expect_lt(once, twice, "%s: %zu and %zu", v->name, once, twice);
                cr_expect_eq(w.forge.reads, 1);
                end(&w);
        }
}

/* On another CPU; out of use (RSEQ_CPU_ID_UNINITIALIZED); the reader switched out; nowhere; not known. */
Test(pystack_frozen, one_that_may_have_run_is_read_twice)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                size_t twice = spans(&w, NULL);
                forge_half(&w.forge, w.thread->on_cpu, HERE + 1);
                cr_expect_eq(spans(&w, &uninterrupted), twice, "%s", v->name);
                forge_half(&w.forge, w.thread->on_cpu, UINT32_MAX);
                cr_expect_eq(spans(&w, &uninterrupted), twice, "%s", v->name);
                forge_half(&w.forge, w.thread->on_cpu, HERE);
                is_unbroken = false;
                cr_expect_eq(spans(&w, &uninterrupted), twice, "%s", v->name);
                is_unbroken = true;
                w.thread->on_cpu = 8;
                cr_expect_eq(spans(&w, &uninterrupted), twice, "%s", v->name);
                w.thread->on_cpu = 0;
                cr_expect_eq(spans(&w, &uninterrupted), twice, "%s", v->name);
                end(&w);
        }
}

/* The load balancer takes the thread to another CPU in the middle of a read, where it runs another chain. */
static void migrate(struct forge *forge, size_t span, size_t n)
{
        struct world *w = forge->test;

        (void)span;
        (void)n;
        if (w->changes++ % 5 != 1)
                return;
        bool away = w->changes % 2;
        forge_half(forge, w->cpu, away ? HERE + 1 : HERE);
        came_back = came_back || !away;
        if (away)
                forge_run(forge, w->changes % 4 == 1 ? w->ab : w->cd);
}

Test(pystack_frozen, a_thread_that_is_taken_away_meanwhile_is_never_wrong)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                w.forge.between = migrate;
                for (int i = 0; i < 500; i++) {
                        int e = pystack_sample_frozen(w.py, w.thread, &uninterrupted, 3, &w.stack);
                        cr_assert(e == 0 || e == PYSTACK_E_TORN, "%s: %d", v->name, e);
                        const struct pystack_frame *f = w.stack.frames;
                        if (e == 0)
                                cr_assert(w.stack.n == 2 && frame_name(&f[0])[0] == frame_name(&f[1])[0] + 1, "%s",
                                          v->name);
                }
                end(&w);
        }
}

/* Another thread runs with this one's state: the one that is frozen does not run, but its stack does not. */
static void jump(struct forge *forge, size_t span, size_t n)
{
        struct world *w = forge->test;

        (void)span;
        (void)n;
        w->changes = w->changes * 1103515245u + 12345u;
        forge_run(forge, w->changes >> 16 & 1 ? w->ab : w->cd);
}

Test(pystack_frozen, an_rseq_that_lies_is_not_believed_any_more)
{
        EACH_VERSION(v)
        {
                struct world w;
                begin(&w, v);
                cr_assert_eq(pystack_sample_frozen(w.py, w.thread, &uninterrupted, 1, &w.stack), 0);
                w.forge.between = jump;
                for (int i = 0; i < 200; i++) {
                        int e = pystack_sample_frozen(w.py, w.thread, &uninterrupted, 2, &w.stack);
                        const struct pystack_frame *f = w.stack.frames;
                        cr_assert(e == 0 || e == PYSTACK_E_TORN);
                        cr_assert(e != 0 || frame_name(&f[0])[0] == frame_name(&f[1])[0] + 1, "%s", v->name);
                }
                cr_expect_eq(w.thread->on_cpu, 0, "%s", v->name);
                end(&w);
        }
}

Test(pystack_frozen, where_glibc_keeps_it)
{
        struct pystack_memory remote = pystack_process_memory(getpid());

        /* Where it serves nothing, it is not looked for. */
        cr_expect_eq(rseq_find(getpid(), &remote), machine_get(machine_here())->rseq ? __rseq_offset : 0);
        cr_expect_eq(rseq_find(1 << 30, &remote), 0);
}
