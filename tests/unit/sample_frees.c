/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel counts the calls of a function: each one, of all threads, and of no other process. */
#include "agent/sample/perf_event.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(sample_frees);

static __attribute__((noinline)) void be_called(void)
{
        __asm__ volatile("");
}

static void *call_often(void *arg)
{
        for (unsigned i = 0; i < *(unsigned *)arg; i++)
                be_called();
        return NULL;
}

static int open_calls(void)
{
        int fd = perf_open_calls(getpid(), (uint64_t)(uintptr_t)be_called);

        if (fd < 0)
                cr_skip_test("no breakpoints here: %d", fd);
        return fd;
}

static uint64_t read_count(int fd)
{
        uint64_t count = 0;

        cr_assert_eq(read(fd, &count, sizeof count), sizeof count);
        return count;
}

Test(sample_frees, each_call_is_counted)
{
        int fd = open_calls();

        for (uint64_t i = 1; i <= 1000; i++) {
                be_called();
                cr_assert_eq(read_count(fd), i);
        }
        close(fd);
}

Test(sample_frees, calls_of_threads_are_counted_while_they_run_and_afterwards)
{
        int fd = open_calls();
        unsigned n = 10000;

        for (uint64_t round = 1; round <= 5; round++) {
                pthread_t threads[4];
                uint64_t before = read_count(fd);
                for (size_t i = 0; i < 4; i++)
                        cr_assert_eq(pthread_create(&threads[i], NULL, call_often, &n), 0);
                for (unsigned i = 0; i < 1000; i++) {
                        uint64_t now = read_count(fd);
                        cr_assert_geq(now, before);
                        before = now;
                }
                for (size_t i = 0; i < 4; i++)
                        pthread_join(threads[i], NULL);
                cr_expect_eq(read_count(fd), round * 4 * n);
        }
        close(fd);
}

Test(sample_frees, calls_of_a_child_process_are_not)
{
        int fd = open_calls(), status;
        unsigned n = 100;
        pid_t child = fork();

        if (child == 0) {
                call_often(&n);
                _exit(0);
        }
        waitpid(child, &status, 0);
        cr_expect_eq(read_count(fd), 0);
        close(fd);
}
