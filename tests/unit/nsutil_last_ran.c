/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(nsutil_last_ran);

static int parsed(const char *text, uint64_t *ret)
{
        return nsutil_last_ran_parse(text, strlen(text), ret);
}

#define HEAD "odd) name (12, #threads: 1)\n---------------------------------\n"

Test(nsutil_last_ran, milliseconds_are_read_to_the_nanosecond)
{
        uint64_t ns = 0;

        cr_expect_eq(parsed(HEAD "se.exec_start                                :      12729376.052466\n"
                                 "se.vruntime                                  :       1416266.132488\n",
                            &ns),
                     0);
        cr_expect_eq(ns, 12729376052466u);
}

Test(nsutil_last_ran, a_thread_s_name_is_no_line_of_the_kernel_s)
{
        uint64_t ns = 0;

        cr_expect_eq(parsed("se.exec_start:1.\n" HEAD "se.exec_start : 2.000001\n", &ns), 0);
        cr_expect_eq(ns, 2000001u);
}

Test(nsutil_last_ran, other_texts_are_refused)
{
        const char *const texts[] = {
                "",
                "se.exec_start : 2.000001\n",
                HEAD,
                HEAD "se.exec_start : \n",
                HEAD "se.exec_start : 2\n",
                HEAD "se.exec_start : 2.01\n",
                HEAD "se.exec_start : 99999999999999999999.000000\n",
                HEAD "se.exec_start : 18446744073709551615.000000\n",
                HEAD "se.vruntime : 2.000001\n",
        };
        uint64_t ns = 7;

        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                cr_expect_eq(parsed(texts[i], &ns), NSUTIL_E_MALFORMED, "%s", texts[i]);
        cr_expect_eq(ns, 7);
}

Test(nsutil_last_ran, it_stands_still_while_a_thread_sleeps)
{
        pid_t child = child_start(child_idle, NULL);
        uint64_t before = 0, after = 0, own = 0;
        int fd, own_fd;

        cr_assert_gt(child, 0);
        int r = nsutil_last_ran_open(child, child, &fd);
        require(r == 0, "the kernel has no /proc/PID/sched");
        cr_assert_eq(nsutil_last_ran_open(getpid(), gettid(), &own_fd), 0);
        usleep(20000);
        cr_expect_eq(nsutil_last_ran_read(fd, &before), 0);
        usleep(20000);
        cr_expect_eq(nsutil_last_ran_read(fd, &after), 0);
        cr_expect_eq(before, after);
        cr_expect_eq(nsutil_last_ran_read(own_fd, &own), 0);
        cr_expect_neq(own, 0);
        child_end(child);
        cr_expect_eq(nsutil_last_ran_read(fd, &after), NSUTIL_E_GONE);
        close(fd);
        close(own_fd);
}

Test(nsutil_last_ran, the_newest_pid_is_the_last_number)
{
        pid_t pid = 7;
        const char text[] = "60.14 28.68 15.38 13/197 29653\n";

        cr_expect_eq(nsutil_newest_parse(text, strlen(text), &pid), 0);
        cr_expect_eq(pid, 29653);
        cr_expect_eq(nsutil_newest_parse("", 0, &pid), NSUTIL_E_MALFORMED);
        cr_expect_eq(nsutil_newest_parse("60.14", 5, &pid), NSUTIL_E_MALFORMED);
        cr_expect_eq(nsutil_newest_parse("60.14 x", 7, &pid), NSUTIL_E_MALFORMED);
        cr_expect_eq(pid, 29653);
}

Test(nsutil_last_ran, a_birth_changes_the_newest_pid)
{
        pid_t before, after;
        int fd;

        cr_assert_eq(nsutil_newest_open(&fd), 0);
        cr_assert_eq(nsutil_newest_read(fd, &before), 0);
        pid_t child = child_start(child_idle, NULL);
        cr_assert_eq(nsutil_newest_read(fd, &after), 0);
        cr_expect_neq(before, after);
        child_end(child);
        close(fd);
}
