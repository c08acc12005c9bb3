/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of threads and who holds the GIL, in forged interpreters, sound and damaged. */
#include "tests/unit/pystack_forge.h"
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
        EACH_VERSION(v) {
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
        EACH_VERSION(v) {
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
        EACH_VERSION(v) {
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

Test(pystack_threads, in_a_circle_are_listed_up_to_a_bound)
{
        EACH_VERSION(v) {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                forge_word(&forge, forge.tstate + forge.layout.tstate.next, forge.tstate);
                forge_word(&forge, forge.interp + forge.layout.interp.next, forge.interp);
                struct pystack *py = forge_open(&forge);
                cr_expect_eq(list(py, &refs), PYSTACK_MAX_THREADS, "%s", v->name);
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
        EACH_VERSION(v) {
                struct forge forge;
                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                const struct layout *l = &forge.layout;
                if (py->tstate_current) {
                        cr_expect_eq(holder_of(py), 0);
                        forge_word(&forge, py->tstate_current, forge.tstate);
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

        EACH_VERSION(v) {
                struct forge forge;
                forge_init(&forge, v);
                if (forge.layout.gil.enabled != LAYOUT_NONE) {
                        struct pystack *py = forge_open(&forge);
                        uint64_t gil = forge_gil(&forge, forge.interp, forge.tstate);
                        cr_expect_eq(holder_of(py), forge.tstate, "PYTHON_GIL=1");
                        forge_half(&forge, gil + forge.layout.gil.enabled, 0);
                        cr_expect_eq(holder_of(py), 0, "%s", v->name);
                        pystack_close(py);
                        builds++;
                }
                forge_deinit(&forge);
        }
        cr_expect_eq(builds, 3);
}

/* The list is newest first; a subinterpreter has a GIL of its own or shares the main one's. */
Test(pystack_threads, of_a_subinterpreter_can_hold_its_own_gil)
{
        EACH_VERSION(v) {
                struct forge forge;
                const struct pystack_thread_ref *refs;
                forge_init(&forge, v);
                const struct layout *l = &forge.layout;
                if (l->interp.gil == LAYOUT_NONE) {
                        forge_deinit(&forge);
                        continue;
                }
                uint64_t main_interp = forge.interp, sub = forge_alloc(&forge, 32768);
                uint64_t gil = forge_gil(&forge, main_interp, 0);
                forge_half(&forge, gil + l->gil.locked, 0);
                forge_word(&forge, forge_runtime(&forge).interpreters, sub);
                forge_word(&forge, sub + l->interp.next, main_interp);
                forge.interp = sub;
                uint64_t tstate = forge_add_thread(&forge, FORGE_PTHREAD);
                struct pystack *py = forge_open(&forge);

                forge_word(&forge, sub + l->interp.gil, gil);
                cr_expect_eq(holder_of(py), 0);
                forge_gil(&forge, sub, tstate);
                cr_expect_eq(holder_of(py), tstate, "%s", v->name);
                cr_expect_eq(list(py, &refs), 2);
                cr_expect_eq(refs[0].interp, sub);
                cr_expect_eq(refs[1].interp, main_interp);
                pystack_close(py);
                forge_deinit(&forge);
        }
}
