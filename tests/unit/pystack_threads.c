/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of threads and who holds the GIL, in forged interpreters, sound and damaged. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_threads);

static size_t list(struct pystack *py, const struct pystack_thread_ref **ret)
{
        size_t n = 0;

        cr_assert_eq(pystack_threads(py, ret, &n), 0);
        return n;
}

Test(pystack_threads, are_listed_newest_first)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                uint64_t second = forge_add_thread(&forge, 0x6160), third = forge_add_thread(&forge, 0x7170);
                struct pystack *py = forge_open(&forge);
                cr_assert_eq(list(py, &refs), 3, "%s", v->name);
                cr_expect_eq(refs[0].tstate, third);
                cr_expect_eq(refs[1].tstate, second);
                cr_expect_eq(refs[1].pthread, 0x6160);
                cr_expect_eq(refs[2].tstate, forge.tstate);
                cr_expect_eq(refs[2].interp, forge.interp);
                if (forge.layout.tstate.native_thread_id != LAYOUT_NONE) {
                        cr_expect_eq(refs[1].inner_tid, 0x6160);
                        cr_expect(refs[2].main && !refs[0].main);
                }
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* A thread state between its birth and its thread's, and one that has lost its stack. */
Test(pystack_threads, without_frames_have_empty_stacks)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                struct pystack_stack stack = { .n = 9 };
                struct pystack_thread *thread;
                forge_init(&forge, v);
                forge_add_thread(&forge, 0);
                struct pystack *py = forge_open(&forge);
                cr_assert_eq(list(py, &refs), 2);
                struct pystack_thread_ref newborn = refs[0];
                cr_assert_eq(pystack_thread_open(py, &newborn, &thread), 0);
                cr_expect_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                cr_expect_eq(stack.n, 0);
                /* Once it runs it has an id: it is another thread than the one that was asked for. */
                forge_word(&forge, newborn.tstate + forge.layout.tstate.thread_id, 77);
                cr_expect_eq(pystack_sample(py, thread, 1, &stack), PYSTACK_E_GONE, "%s", v->name);
                pystack_thread_close(thread);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

Test(pystack_threads, are_none_once_the_interpreter_is_finalized)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                uint64_t holder = 1;
                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                cr_assert_eq(list(py, &refs), 1);
                forge_word(&forge, forge_runtime(&forge).interpreters, 0);
                cr_expect_eq(list(py, &refs), 0);
                cr_expect_eq(pystack_gil_holder(py, &holder), 0);
                cr_expect_eq(holder, 0);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

Test(pystack_threads, in_a_circle_are_listed_once)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                for (uint64_t id = 1; id <= 100; id++)
                        forge_add_thread(&forge, id);
                struct pystack *py = forge_open(&forge);
                size_t n = list(py, &refs);
                cr_assert_gt(n, 100, "%s", v->name);
                uint64_t last = refs[n - 1].tstate, middle = refs[n / 2].tstate;
                forge_word(&forge, last + forge.layout.tstate.next, middle);
                cr_expect_eq(list(py, &refs), n, "%s: back to the middle", v->name);
                forge_word(&forge, refs[0].tstate + forge.layout.tstate.next, refs[0].tstate);
                cr_expect_eq(list(py, &refs), 1, "%s: to itself", v->name);
                forge_word(&forge, forge.interp + forge.layout.interp.next, forge.interp);
                cr_expect_eq(list(py, &refs), 1, "%s: one thread, whatever its states", v->name);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* ---- the GIL --------------------------------------------------------------------- */

static uint64_t holder_of(struct pystack *py)
{
        uint64_t holder = 1;

        cr_assert_eq(pystack_gil_holder(py, &holder), 0);
        return holder;
}

/* A GIL that @interp uses, held by @holder. */
static uint64_t forge_gil(struct forge *forge, uint64_t interp, uint64_t holder)
{
        const struct layout *l = &forge->layout;
        uint64_t gil = forge_alloc(forge, 64);

        forge_word(forge, interp + l->interp.gil, gil);
        forge_word(forge, gil + l->gil.holder, holder);
        forge_half(forge, gil + l->gil.locked, 1);
        if (l->gil.enabled != LAYOUT_NONE)
                forge_half(forge, gil + l->gil.enabled, 1);
        return gil;
}

Test(pystack_threads, of_which_one_holds_the_gil)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                const struct layout *l = &forge.layout;
                if (py->runtime.tstate_current) {
                        cr_expect_eq(holder_of(py), 0);
                        forge_word(&forge, py->runtime.tstate_current, forge.tstate);
                        cr_expect_eq(holder_of(py), forge.tstate, "%s", v->name);
                } else {
                        uint64_t gil = forge_gil(&forge, forge.interp, forge.tstate);
                        cr_expect_eq(holder_of(py), forge.tstate, "%s", v->name);
                        forge_half(&forge, gil + l->gil.locked, 0);
                        cr_expect_eq(holder_of(py), 0, "released, though the last holder is still noted");
                }
                pystack_close(py);
                forge_deinit(&forge);
        }
}

Test(pystack_threads, without_the_gil_nobody_holds_it)
{
        unsigned builds = 0;

        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                if (forge.layout.gil.enabled != LAYOUT_NONE) {
                        struct pystack *py = forge_open(&forge);
                        uint64_t gil = forge_gil(&forge, forge.interp, forge.tstate);
                        cr_expect_eq(holder_of(py), forge.tstate, "PYTHON_GIL=1");
                        cr_expect(pystack_has_gil(py), "PYTHON_GIL=1");
                        forge_half(&forge, gil + forge.layout.gil.enabled, 0);
                        cr_expect_eq(holder_of(py), 0, "%s", v->name);
                        cr_expect_not(pystack_has_gil(py), "%s", v->name);
                        pystack_close(py);
                        builds++;
                }
                forge_deinit(&forge);
        }
        cr_expect_eq(builds, 3);
}

/* The GIL is there in every other build, whoever holds it, and where an interpreter has none yet. */
Test(pystack_threads, have_a_gil_unless_it_is_seen_to_be_off)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                cr_expect(pystack_has_gil(py), "%s: not set up", v->name);
                if (forge.layout.interp.gil != LAYOUT_NONE)
                        forge_gil(&forge, forge.interp, 0);
                cr_expect(pystack_has_gil(py), "%s: nobody holds it", v->name);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* ---- subinterpreters ---------------------------------------------------------------- */

/* A second interpreter, newer than the first, in which the first one's thread has a state as well. */
struct sub {
        uint64_t interp, main_interp, tstate, main_tstate;
};

static struct sub forge_sub(struct forge *forge)
{
        const struct layout *l = &forge->layout;
        struct sub sub = { .main_interp = forge->interp, .main_tstate = forge->tstate };

        sub.interp = forge_alloc(forge, 32768);
        forge_word(forge, forge_runtime(forge).interpreters, sub.interp);
        forge_word(forge, sub.interp + l->interp.next, sub.main_interp);
        if (l->interp.code_generation != LAYOUT_NONE)
                forge_word(forge, sub.interp + l->interp.code_generation, 1);
        forge->interp = sub.interp;
        sub.tstate = forge_add_thread(forge, FORGE_PTHREAD);
        forge->interp = sub.main_interp;
        if (forge->root) {
                forge->root = 0;
                forge->root = forge_frame_elsewhere(forge, 0, 0, LAYOUT_OWNER_SHIM);
        }
        return sub;
}

/* The thread runs @frame in the second interpreter; 0: nothing. */
static void run_in_sub(struct forge *forge, const struct sub *sub, uint64_t frame)
{
        uint64_t main_cframe = forge->cframe;

        if (main_cframe)
                forge->cframe = forge_alloc(forge, 64);
        forge_run_in(forge, sub->tstate, frame);
        forge->cframe = main_cframe;
}

/* The thread enters one of the two, as its version shows it. */
static void enter(struct forge *forge, const struct sub *sub, bool into_sub)
{
        const struct layout *l = &forge->layout;
        uint32_t at = l->tstate.status;

        if (at == LAYOUT_NONE) {
                forge_word(forge, forge_runtime(forge).tstate_current, into_sub ? sub->tstate : sub->main_tstate);
                return;
        }
        forge_half(forge, sub->tstate + at, into_sub ? FORGE_ENTERED : FORGE_ENTERED & ~8u);
        forge_half(forge, sub->main_tstate + at, into_sub ? FORGE_ENTERED & ~8u : FORGE_ENTERED);
}

/* The list is newest first; a subinterpreter has a GIL of its own or shares the main one's. */
Test(pystack_threads, of_a_subinterpreter_can_hold_its_own_gil)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                const struct layout *l = &forge.layout;
                if (l->interp.gil == LAYOUT_NONE) {
                        forge_deinit(&forge);
                        continue;
                }
                uint64_t gil = forge_gil(&forge, forge.interp, 0);
                forge_half(&forge, gil + l->gil.locked, 0);
                struct sub sub = forge_sub(&forge);
                struct pystack *py = forge_open(&forge);

                forge_word(&forge, sub.interp + l->interp.gil, gil);
                cr_expect_eq(holder_of(py), 0);
                forge_gil(&forge, sub.interp, sub.tstate);
                cr_expect_eq(holder_of(py), sub.tstate, "%s", v->name);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* One interpreter without a GIL is enough for threads to run at the same time, whichever of the two it is. */
Test(pystack_threads, have_no_gil_if_one_interpreter_has_none)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                const struct layout *l = &forge.layout;
                if (l->gil.enabled != LAYOUT_NONE) {
                        struct pystack *py = forge_open(&forge);
                        uint64_t gil = forge_gil(&forge, forge.interp, 0);
                        struct sub sub = forge_sub(&forge);
                        uint64_t own = forge_gil(&forge, sub.interp, 0);
                        cr_expect(pystack_has_gil(py), "%s", v->name);
                        forge_half(&forge, gil + l->gil.enabled, 0);
                        cr_expect_not(pystack_has_gil(py), "%s: the main one", v->name);
                        forge_half(&forge, gil + l->gil.enabled, 1);
                        forge_half(&forge, own + l->gil.enabled, 0);
                        cr_expect_not(pystack_has_gil(py), "%s: the other", v->name);
                        pystack_close(py);
                }
                forge_deinit(&forge);
        }
}

Test(pystack_threads, in_two_interpreters_are_listed_where_they_are)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                struct sub sub = forge_sub(&forge);
                uint64_t other = forge_add_thread(&forge, 0x6160);
                struct pystack *py = forge_open(&forge);
                for (unsigned i = 0; i < 4; i++) {
                        enter(&forge, &sub, i % 2);
                        cr_assert_eq(list(py, &refs), 2, "%s", v->name);
                        cr_expect_eq(refs[i % 2].tstate, other, "%s", v->name);
                        cr_expect_eq(refs[1 - i % 2].tstate, i % 2 ? sub.tstate : sub.main_tstate, "%s", v->name);
                        cr_expect_eq(refs[1 - i % 2].interp, i % 2 ? sub.interp : sub.main_interp);
                }
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* Up to 3.11, without the GIL: in the newest interpreter in which it has a frame. */
Test(pystack_threads, that_wait_are_where_they_have_frames)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                if (forge.layout.tstate.status == LAYOUT_NONE) {
                        struct sub sub = forge_sub(&forge);
                        uint64_t frame = forge_frame(&forge, forge_code(&forge, "f", "a.py", 1), 0);
                        struct pystack *py = forge_open(&forge);
                        forge_run(&forge, frame);
                        cr_assert_eq(list(py, &refs), 1);
                        cr_expect_eq(refs[0].tstate, sub.main_tstate, "%s", v->name);
                        run_in_sub(&forge, &sub, frame);
                        cr_assert_eq(list(py, &refs), 1);
                        cr_expect_eq(refs[0].tstate, sub.tstate, "%s", v->name);
                        pystack_close(py);
                }
                forge_deinit(&forge);
        }
}

static const char *leaf(struct pystack *py, struct pystack_thread *thread, const char *version)
{
        struct pystack_stack stack;

        cr_assert_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", version);
        return stack.n > 0 ? frame_name(&stack.frames[0]) : "";
}

Test(pystack_threads, are_followed_from_one_interpreter_to_another)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                forge_init(&forge, v);
                forge_run(&forge, forge_frame(&forge, forge_code(&forge, "outer", "a.py", 1), 0));
                struct sub sub = forge_sub(&forge);
                run_in_sub(&forge, &sub, forge_frame_elsewhere(&forge, forge_code(&forge, "inner", "a.py", 9), 0, 1));
                struct pystack *py = forge_open(&forge);
                struct pystack_thread *thread = forge_thread(&forge, py);
                thread->inner_tid = FORGE_PTHREAD;
                for (unsigned i = 0; i < 6; i++) {
                        enter(&forge, &sub, i % 2);
                        const char *name = leaf(py, thread, v->name);
                        cr_expect_str_eq(name, i % 2 ? "inner" : "outer", "%s: %s", v->name, name);
                }
                pystack_thread_close(thread);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* 3.12 on: all of a thread's states were left, for one that bears another's name: it is read where it went there. */
Test(pystack_threads, without_the_flag_are_read_until_it_is_back)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                struct pystack_stack stack;
                forge_init(&forge, v);
                uint32_t at = forge.layout.tstate.status;
                if (at != LAYOUT_NONE) {
                        struct pystack *py = forge_open(&forge);
                        struct pystack_thread *thread = forge_thread(&forge, py);
                        thread->inner_tid = FORGE_PTHREAD;
                        forge_half(&forge, forge.tstate + at, FORGE_ENTERED & ~8u);
                        cr_expect_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                        cr_expect(thread->unentered);
                        forge_half(&forge, forge.tstate + at, FORGE_ENTERED);
                        cr_expect_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                        cr_expect_not(thread->unentered);
                        pystack_thread_close(thread);
                        pystack_close(py);
                }
                forge_deinit(&forge);
        }
}
