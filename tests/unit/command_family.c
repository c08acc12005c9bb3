/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/recording/family.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(command_family);

struct one {
        pid_t pid;
        uint64_t start_time;
};

static bool is_it(const void *ctx, pid_t pid, uint64_t start_time)
{
        const struct one *one = ctx;

        return pid == one->pid && start_time == one->start_time;
}

static bool has_pid(const void *ctx, pid_t pid, uint64_t start_time)
{
        (void)start_time;
        return pid == *(const pid_t *)ctx;
}

static struct one who(pid_t pid)
{
        struct nsutil_stat stat;

        cr_assert_eq(nsutil_stat_read(pid, &stat), 0);
        return (struct one){ pid, stat.start_time };
}

static void wait_for_end_of(int fd)
{
        char c;

        while (read(fd, &c, 1) > 0)
                ;
        _exit(0);
}

/* A child and its child, which live until the pipe is closed; the grandchild is told by its PID. */
static pid_t make_family(int pipe_fds[2], pid_t *ret_grandchild)
{
        int told[2];

        cr_assert(pipe(pipe_fds) == 0 && pipe(told) == 0);
        pid_t child = fork();
        if (child == 0) {
                pid_t grandchild = fork();
                close(pipe_fds[1]);
                if (grandchild > 0 && write(told[1], &grandchild, sizeof grandchild) < 0)
                        _exit(1);
                wait_for_end_of(pipe_fds[0]);
        }
        cr_assert_eq(read(told[0], ret_grandchild, sizeof *ret_grandchild), sizeof *ret_grandchild);
        close(told[0]);
        close(told[1]);
        return child;
}

Test(command_family, descendants)
{
        int fds[2];
        pid_t grandchild_pid, child_pid = make_family(fds, &grandchild_pid);
        struct one me = who(getpid()), child = who(child_pid), grandchild = who(grandchild_pid);

        cr_expect(family_descends(child.pid, child.start_time, is_it, &me));
        cr_expect(family_descends(grandchild.pid, grandchild.start_time, is_it, &me));
        cr_expect(family_descends(grandchild.pid, grandchild.start_time, is_it, &child));
        cr_expect_not(family_descends(child.pid, child.start_time, is_it, &child), "nobody descends from itself");
        cr_expect_not(family_descends(child.pid, child.start_time, is_it, &grandchild));
        cr_expect_not(family_descends(me.pid, me.start_time, is_it, &child));
        close(fds[1]);
        waitpid(child_pid, NULL, 0);
}

Test(command_family, a_reused_pid_leads_nowhere)
{
        int fds[2];
        pid_t grandchild_pid, child_pid = make_family(fds, &grandchild_pid);
        struct one child = who(child_pid), grandchild = who(grandchild_pid);
        struct one former = { child.pid, child.start_time - 1 }, later = { child.pid, child.start_time + 1 };

        cr_expect_not(family_descends(grandchild.pid, grandchild.start_time, is_it, &former));
        cr_expect_not(family_descends(grandchild.pid, grandchild.start_time, is_it, &later));
        cr_expect_not(family_descends(grandchild.pid, grandchild.start_time + 1, is_it, &child));
        close(fds[1]);
        waitpid(child_pid, NULL, 0);
}

Test(command_family, the_line_ends)
{
        struct one me = who(getpid());
        pid_t nobody = -7, too_high = (1 << 22) + 1; /* above every PID that Linux gives */

        cr_expect_not(family_descends(me.pid, me.start_time, has_pid, &nobody));
        cr_expect_not(family_descends(too_high, 1, has_pid, &too_high));
}
