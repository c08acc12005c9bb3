/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/outside.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_outside);

static int add(void *ctx, int argument)
{
        return *(int *)ctx + argument;
}

static int fail(void *ctx, int argument)
{
        (void)ctx;
        return -argument;
}

static int tell_no_new_privileges(void *ctx, int argument)
{
        (void)ctx;
        (void)argument;
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

Test(command_outside, answers)
{
        int forty = 40;
        const struct outside_duty duties[OUTSIDE_DEEDS] = {
                [OUTSIDE_START] = { add, &forty }, [OUTSIDE_KEEP] = { fail, NULL }
        };
        struct outside outside = OUTSIDE_NONE;

        cr_assert_eq(outside_open(duties, &outside), 0);
        forty = 0;
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 2), 42, "what it is done to was settled before");
        cr_expect_eq(outside_ask(&outside, OUTSIDE_KEEP, ENOSPC), -ENOSPC);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_REMOVE, 0), -ENOSYS, "no duty of it");
        cr_expect_eq(outside_ask(&outside, OUTSIDE_DEEDS, 0), -ENOSYS);
        outside_close(&outside);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 2), -ESRCH);
        cr_expect_eq(waitpid(-1, NULL, 0), -1, "no child is left");
}

Test(command_outside, nobody_is_started_for_nothing)
{
        const struct outside_duty none[OUTSIDE_DEEDS] = { { NULL, NULL } };
        struct outside outside = OUTSIDE_NONE;

        cr_expect_eq(outside_open(none, &outside), 0);
        cr_expect_eq(outside.pid, 0);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 0), -ESRCH);
        outside_close(&outside);
}

Test(command_outside, what_we_give_up_later_it_keeps)
{
        const struct outside_duty duties[OUTSIDE_DEEDS] = { [OUTSIDE_START] = { tell_no_new_privileges, NULL } };
        struct outside outside = OUTSIDE_NONE;

        cr_assert_eq(outside_open(duties, &outside), 0);
        cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 0), 0);
        outside_close(&outside);
}

/* Between these and SIGRTMIN are those that glibc keeps for itself, and never blocks. */
#define FIRST_OF_LIBC 32

/* What the terminal sends to the whole group is for the command and for us. */
Test(command_outside, no_signal_ends_it)
{
        int one = 1;
        const struct outside_duty duties[OUTSIDE_DEEDS] = { [OUTSIDE_START] = { add, &one } };
        struct outside outside = OUTSIDE_NONE;

        cr_assert_eq(outside_open(duties, &outside), 0);
        for (int number = 1; number < NSIG; number++)
                if (number != SIGKILL && number != SIGSTOP && (number < FIRST_OF_LIBC || number >= SIGRTMIN))
                        kill(outside.pid, number);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 1), 2);
        kill(outside.pid, SIGKILL);
        cr_expect_eq(outside_ask(&outside, OUTSIDE_START, 1), -ESRCH, "and we survive its end");
        outside_close(&outside);
}

/* Whoever reads a pipe of ours until its end does not wait for the child; what a command is to inherit stays open. */
Test(command_outside, what_is_closed_on_exec_is_closed)
{
        int one = 1, ours[2], inherited[2];
        const struct outside_duty duties[OUTSIDE_DEEDS] = { [OUTSIDE_START] = { add, &one } };
        struct outside outside = OUTSIDE_NONE;

        cr_assert_eq(pipe2(ours, O_CLOEXEC), 0);
        cr_assert_eq(pipe(inherited), 0);
        cr_assert_eq(outside_open(duties, &outside), 0);
        cr_assert_eq(outside_ask(&outside, OUTSIDE_START, 1), 2, "it has begun");
        close(ours[1]);
        close(inherited[1]);
        cr_expect_eq(poll(&(struct pollfd){ .fd = ours[0], .events = POLLIN }, 1, 0), 1, "its end");
        cr_expect_eq(poll(&(struct pollfd){ .fd = inherited[0], .events = POLLIN }, 1, 0), 0);
        outside_close(&outside);
        cr_expect_eq(poll(&(struct pollfd){ .fd = inherited[0], .events = POLLIN }, 1, 0), 1);
        close(ours[0]);
        close(inherited[0]);
}
