/* SPDX-License-Identifier: Apache-2.0 */
/* What opening a process may cost: readings and CPU time, and then no more. */
#include "tests/unit/support/suite.h"

#include "pystack/memory/effort.h"

#include <string.h>

SUITE(pystack_effort);

static ssize_t read_zeros(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        unsigned *calls = ctx;

        cr_assert_eq(n, 1);
        ++*calls;
        memset(buf, 0, remote->iov_len);
        return (ssize_t)remote->iov_len;
}

static void burn(uint64_t ns)
{
        uint64_t end = effort_cpu_ns() + ns;

        while (effort_cpu_ns() < end)
                continue;
}

Test(pystack_effort, what_an_honest_process_takes_is_read)
{
        unsigned calls = 0;
        struct pystack_memory process = { .read = read_zeros, .ctx = &calls };
        struct effort effort;
        struct pystack_memory remote = effort_begin(&effort, &process);
        uint64_t value = 1;

        for (unsigned i = 0; i < 100; i++)
                cr_assert_eq(remote_read_word(&remote, i, &value), 0);
        cr_expect_eq(value, 0);
        cr_expect_eq(calls, 100);
        cr_expect(!effort_is_spent(&effort));
}

Test(pystack_effort, readings_end)
{
        unsigned calls = 0;
        struct pystack_memory process = { .read = read_zeros, .ctx = &calls };
        struct effort effort;
        struct pystack_memory remote = effort_begin(&effort, &process);
        uint64_t value;

        effort.end_ns = UINT64_MAX; /* a sanitizer makes each of them long */
        for (unsigned i = 0; i < EFFORT_READS; i++)
                cr_assert_eq(remote_read_word(&remote, i, &value), 0);
        cr_expect_eq(remote_read_word(&remote, 0, &value), PYSTACK_E_COSTLY);
        cr_expect_eq(remote_read_word(&remote, 0, &value), PYSTACK_E_COSTLY);
        cr_expect_eq(calls, EFFORT_READS);
        cr_expect(effort_is_spent(&effort));
}

Test(pystack_effort, cpu_time_ends)
{
        unsigned calls = 0;
        struct pystack_memory process = { .read = read_zeros, .ctx = &calls };
        struct effort effort;
        struct pystack_memory remote = effort_begin(&effort, &process);
        uint64_t value;
        int e = 0;

        burn(EFFORT_CPU_NS);
        for (unsigned i = 0; e == 0 && i < EFFORT_READS / 2; i++)
                e = remote_read_word(&remote, i, &value);
        cr_expect_eq(e, PYSTACK_E_COSTLY);
        cr_expect_lt(calls, 100);
}
