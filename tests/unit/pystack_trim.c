/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_trim);

Test(pystack_trim, what_was_let_go_is_read_again)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                struct pystack_stack stack;
                const struct pystack_thread_ref *refs;
                size_t n;

                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                struct pystack_thread *thread = forge_thread(&forge, py);
                uint64_t outer = forge_frame(&forge, forge_code(&forge, "outer", "a.py", 3), 0);
                forge_run(&forge, forge_frame(&forge, forge_code(&forge, "inner", "b.py", 7), outer));
                cr_assert_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                cr_assert_eq(pystack_threads(py, &refs, &n), 0);
                uint32_t serial = stack.frames[0].code->serial;
                pystack_trim(py);
                pystack_trim(py);
                cr_assert_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                cr_assert_eq(stack.n, 2);
                cr_assert_eq(pystack_threads(py, &refs, &n), 0);
                cr_expect_eq(n, 1);
                cr_expect_str_eq(frame_name(&stack.frames[0]), "inner");
                cr_expect_str_eq(frame_name(&stack.frames[1]), "outer");
                cr_expect_gt(stack.frames[0].code->serial, serial, "serials go on");
                pystack_thread_close(thread);
                pystack_close(py);
                forge_deinit(&forge);
        }
}

/* Another code object in its place: what is kept is what it was, and is charged for as long as it is kept. */
Test(pystack_trim, what_is_kept_stays_as_it_was)
{
        EACH_VERSION(v)
        {
                struct forge forge;
                struct pystack_stack stack;

                forge_init(&forge, v);
                struct pystack *py = forge_open(&forge);
                struct pystack_thread *thread = forge_thread(&forge, py);
                uint64_t code = forge_code(&forge, "first", "a.py", 3);
                forge_run(&forge, forge_frame(&forge, code, 0));
                cr_assert_eq(pystack_sample(py, thread, 1, &stack), 0, "%s", v->name);
                struct pystack_frame kept = stack.frames[0];
                pystack_keep(kept.code);
                pystack_keep(kept.code);
                forge_recode(&forge, code, "other", "b.py", 9);
                pystack_trim(py);
                for (int i = 0; i < 3; i++)
                        cr_assert_eq(pystack_sample(py, thread, 3, &stack), 0, "%s", v->name);
                size_t both = py->codes.bytes;
                cr_expect_str_eq(frame_name(&stack.frames[0]), "other");
                pystack_let_go(py, kept.code);
                cr_expect_eq(py->codes.bytes, both, "it is kept once more");
                pystack_trim(py);
                cr_expect_str_eq(frame_name(&kept), "first", "%s", v->name);
                cr_expect_eq(pystack_line_apart(py, &kept), 3);
                cr_expect_gt(py->codes.bytes, 0);
                pystack_let_go(py, kept.code);
                cr_expect_eq(py->codes.bytes, 0, "%s: %zu", v->name, py->codes.bytes);

                cr_assert_eq(pystack_sample(py, thread, 3, &stack), 0, "%s", v->name);
                pystack_keep(stack.frames[0].code);
                forge_recode(&forge, code, "third", "b.py", 9);
                pystack_sample(py, thread, 3, &stack);
                pystack_sample(py, thread, 3, &stack); /* and nobody lets go: closing frees it */
                pystack_thread_close(thread);
                pystack_close(py);
                forge_deinit(&forge);
        }
}
