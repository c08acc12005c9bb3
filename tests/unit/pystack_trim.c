/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(pystack_trim);

Test(pystack_trim, what_was_let_go_is_read_again)
{
        EACH_VERSION(v) {
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
