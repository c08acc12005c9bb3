/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a live process: this one, which is no Python. */
#include "tests/unit/pystack_told.h"
#include "tests/unit/support/suite.h"

#include <sys/mman.h>
#include <unistd.h>

SUITE(pystack_trace_real);

/* All files are looked at in vain. */
Test(pystack_trace_real, what_is_no_python_is_told_with_its_pid)
{
        struct told told = { 0 };
        const struct pystack_options options = { .pid = getpid(), .trace = { told_keep, &told } };
        struct pystack_info info;
        struct pystack *py;

        cr_assert_eq(pystack_open(&options, &py, &info), PYSTACK_E_NOT_PYTHON);
        const struct pystack_refusal *refusal = told_find(&told, "runtime", 0);
        cr_assert(refusal);
        cr_expect_eq(refusal->pid, getpid());
        cr_expect_gt(refusal->found, 0, "the number of files");
}

/* Files that are named like Python and are none: each is refused, and only so many are told. */
Test(pystack_trace_real, refusals_of_an_opening_are_bounded_and_the_rest_counted)
{
        struct told told = { 0 };
        const struct pystack_options options = { .pid = getpid(), .trace = { told_keep, &told } };
        struct pystack_info info;
        struct pystack *py;

        for (unsigned i = 0; i < 40; i++) {
                int fd = memfd_create("libpython", 0);
                cr_assert_geq(fd, 0);
                cr_assert_eq(ftruncate(fd, 4096), 0);
                cr_assert_neq(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), MAP_FAILED);
                close(fd);
        }
        cr_assert_eq(pystack_open(&options, &py, &info), PYSTACK_E_NOT_PYTHON);
        cr_assert_eq(told.n, 33);
        cr_expect_str_eq(told.items[32].field, "opening");
        cr_expect_geq(told.items[32].found, 8, "those that are left out");
}
