/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/appear.h"
#include "tests/unit/support/suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_appear);

/* Looks now, whatever pause the look before has asked for. */
static int look_for_error(struct appear *appear)
{
        struct pystack *py;

        appear->look_ns = appear->open_ns = 0;
        cr_assert_eq(appear_look(appear, &py), APPEAR_NOTHING);
        return appear->error;
}

Test(command_appear, what_a_program_was_is_known_after_its_memory_is_gone)
{
        struct appear appear;
        siginfo_t info;
        pid_t pid = fork();

        if (pid == 0) {
                pause();
                _exit(0);
        }
        cr_assert_gt(pid, 0);
        appear_begin(&appear, pid, 0);
        cr_expect_eq(look_for_error(&appear), PYSTACK_E_NOT_PYTHON);
        kill(pid, SIGKILL);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        cr_expect_eq(look_for_error(&appear), PYSTACK_E_NOT_PYTHON, "it is %s", pystack_strerror(appear.error));
        waitpid(pid, NULL, 0);
}
