/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

static const struct find_ops none;
static struct find *find;

static void set_up(void)
{
        cr_assert_eq(find_open_with(NULL, &none, &find), 0);
}

static void tear_down(void)
{
        find_close(find);
        abort_on_leaks();
}

TestSuite(find_identify, .init = set_up, .fini = tear_down, .timeout = 60);

static bool is_sleep(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.start_stack != 0 && !strcmp(stat.comm, "sleep");
}

Test(find_identify, identity)
{
        struct find_process process;
        struct nsutil_stat stat;

        cr_assert_eq(find_identify(find, getpid(), &process), 0);
        cr_assert_eq(nsutil_stat_read(getpid(), &stat), 0);
        cr_expect_eq(process.pid, getpid());
        cr_expect_eq(process.start_time, stat.start_time);
        cr_expect_str_eq(find_basename(process.exe), "find");
        if (!process.container_id[0])
                cr_expect_str_eq(process.service, "find");
        process.pid = -7;
        cr_expect_eq(find_identify(find, gone_pid(), &process), NSUTIL_E_GONE);
        cr_expect_eq(process.pid, -7);
}

Test(find_identify, a_service_by_its_own_word)
{
        struct find_process process;
        static const char *const variables[] = { "A=b", "OTEL_SERVICE_NAME=shop\033[31m", NULL };
        pid_t pid = fork();

        if (pid == 0) {
                execle("/bin/sleep", "sleep", "60", (char *)NULL, variables);
                _exit(1);
        }
        for (int i = 0; i < 1000 && !is_sleep(pid); i++)
                usleep(10000);
        cr_assert_eq(find_identify(find, pid, &process), 0);
        cr_expect_str_eq(process.service, "shop?[31m");
        cr_expect_str_eq(process.cmdline, "sleep 60");
        child_end(pid);
}
