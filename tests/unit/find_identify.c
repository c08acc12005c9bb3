/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/find_attributes.h"
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

/* Programs that set their title write over their arguments and their environment. */
Test(find_identify, names_that_come_late_leave_what_it_says_of_itself)
{
        struct find_process process = { .program = "app.py", .service = "shop", .names_itself = true };
        struct find_process named = { .program = "worker", .service = "web", .k8s_container = "web", .pod = "web-0" };

        find_resource_parse("a=1", 3, &process);
        find_resource_parse("b=2", 3, &named);
        find_resource_add_label(&named, "app", "web");
        find_take_names(&process, &named);
        cr_expect_str_eq(process.k8s_container, "web");
        cr_expect_str_eq(process.service, "shop");
        cr_expect_str_eq(process.program, "app.py");
        cr_expect_str_eq(attributes_list(&process), "k8s.pod.label.app=web;a=1;");
}

Test(find_identify, a_service_is_called_like_its_container_once_that_has_a_name)
{
        static const struct {
                const char *k8s, *container, *service;
        } cases[] = { { "", "", "app.py" }, { "", "shop", "shop" }, { "web", "k8s_web", "web" } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct find_process process = { .program = "app.py", .service = "app.py" };
                /* It has named itself since, or its title looks like that. */
                struct find_process named = { .program = "x", .service = "impostor", .names_itself = true };

                strcpy(named.k8s_container, cases[i].k8s);
                strcpy(named.container_name, cases[i].container);
                find_take_names(&process, &named);
                cr_expect_str_eq(process.service, cases[i].service);
                cr_expect_not(process.names_itself);
        }
}
