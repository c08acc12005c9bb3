/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that execute another program. */
#include "tests/unit/find_stage.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

TestSuite(find_exec, .init = stage_set_up, .fini = stage_tear_down, .timeout = 60);

static char program[128];

static void become_program(int signal)
{
        (void)signal;
        execl(program, program, "60", (char *)NULL);
        _exit(1);
}

static int await_program(void *ctx)
{
        struct sigaction action = { .sa_handler = become_program };

        return stage_set_name(ctx) || sigaction(SIGUSR1, &action, NULL);
}

/* Lets @pid execute a program called @name, in @dir, and waits until it does. */
static void exec_as(pid_t pid, const char *name)
{
        kill(pid, SIGUSR1);
        for (int i = 0; i < 1000 && !stage_has_name(pid, name); i++)
                usleep(10000);
        cr_assert(stage_has_name(pid, name));
}

/* A child called @before that will execute, on demand, a program called @after. */
static pid_t start_exec(char dir[static 64], const char *before, const char *after)
{
        static char name[NSUTIL_COMM_SIZE];

        temp_make(dir, 64);
        snprintf(program, sizeof(program), "%s/%s", dir, after);
        cr_assert_eq(symlink("/bin/sleep", program), 0);
        snprintf(name, sizeof(name), "%s", before);
        return child_start(await_program, name);
}

Test(find_exec, python_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "shell", "py-good");

        stage_scan(0, 0);
        exec_as(pid, "py-good");
        stage_scan_until_born();
        stage_scan(1, 0);
        cr_expect_eq(stage.seen.born[0].pid, pid);
        child_end(pid);
        stage_scan(1, 1);
        temp_remove(dir);
}

Test(find_exec, python_no_more_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "py-good", "other");

        stage_scan(1, 0);
        exec_as(pid, "other");
        find_set_rules(stage.find, NULL);
        stage_scan(1, 1);
        child_end(pid);
        stage_scan(1, 1);
        temp_remove(dir);
}

Test(find_exec, another_python_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "py-good", "py-good");

        stage_scan(1, 0);
        kill(pid, SIGUSR1);
        for (int i = 0; i < 100 && stage.seen.n_born < 2; i++) {
                usleep(10000);
                cr_assert_eq(find_scan(stage.find, &stage_events), 0);
        }
        cr_expect_eq(stage.seen.n_born, 2);
        cr_expect_eq(stage.seen.n_ended, 1);
        cr_expect_eq(stage.seen.born[1].start_time, stage.seen.born[0].start_time);
        child_end(pid);
        stage_scan(2, 2);
        temp_remove(dir);
}

Test(find_exec, who_is_refused_and_called_python_is_reported)
{
        char dir[64];
        pid_t pid = start_exec(dir, "shell", "python-denied");

        stage_scan(0, 0);
        exec_as(pid, "python-denied");
        find_set_rules(stage.find, NULL);
        stage_scan(1, 0);
        cr_expect_eq(stage.seen.born[0].status, PYSTACK_E_DENIED);
        cr_expect_not_null(strstr(stage.seen.born[0].cmdline, "python-denied 60"));
        child_end(pid);
        stage_scan(1, 1);
        temp_remove(dir);
}
