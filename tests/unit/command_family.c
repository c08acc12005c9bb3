/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/processes/family.h"
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

/*
 * A child and its child, which live until the pipe is closed; the grandchild is told by its PID.
 * @orphaned: the child begins a session, and ends at once.
 */
static pid_t make_family(bool orphaned, int pipe_fds[2], pid_t *ret_grandchild)
{
        int told[2];

        cr_assert(pipe(pipe_fds) == 0 && pipe(told) == 0);
        pid_t child = fork();
        if (child == 0) {
                if (orphaned)
                        setsid();
                pid_t grandchild = fork();
                close(pipe_fds[1]);
                if (grandchild > 0 && write(told[1], &grandchild, sizeof grandchild) < 0)
                        _exit(1);
                if (grandchild > 0 && orphaned)
                        _exit(0);
                wait_for_end_of(pipe_fds[0]);
        }
        cr_assert_eq(read(told[0], ret_grandchild, sizeof *ret_grandchild), sizeof *ret_grandchild);
        close(told[0]);
        close(told[1]);
        if (orphaned)
                waitpid(child, NULL, 0);
        return child;
}

/* Whether @one is of the family that @root alone has begun. */
static bool descends(struct one one, struct one root)
{
        struct family *family = family_new();

        cr_assert_eq(family_add(family, root.pid, root.start_time), 0);
        bool has = family_has(family, one.pid, one.start_time);
        family_free(family);
        return has;
}

Test(command_family, descendants_by_their_parents_of_now)
{
        int fds[2];
        pid_t grandchild_pid, child_pid = make_family(false, fds, &grandchild_pid);
        struct one me = who(getpid()), child = who(child_pid), grandchild = who(grandchild_pid);

        cr_expect(descends(child, me));
        cr_expect(descends(grandchild, me));
        cr_expect(descends(grandchild, child));
        cr_expect_not(descends(child, grandchild));
        cr_expect_not(descends(me, child));
        close(fds[1]);
        waitpid(child_pid, NULL, 0);
}

Test(command_family, a_reused_pid_leads_nowhere)
{
        int fds[2];
        pid_t grandchild_pid, child_pid = make_family(false, fds, &grandchild_pid);
        struct one child = who(child_pid), grandchild = who(grandchild_pid);
        struct one former = { child.pid, child.start_time - 1 }, later = { child.pid, child.start_time + 1 };
        struct one another = { grandchild.pid, grandchild.start_time + 1 };

        cr_expect_not(descends(grandchild, former));
        cr_expect_not(descends(grandchild, later));
        cr_expect_not(descends(another, child));
        close(fds[1]);
        waitpid(child_pid, NULL, 0);
}

Test(command_family, the_line_ends)
{
        struct one me = who(getpid()), nobody = { (1 << 22) + 1, 1 }; /* above every PID that Linux gives */

        cr_expect_not(descends(me, nobody));
        cr_expect_not(descends(nobody, me));
}

/* A daemon's parent has ended, and it is init's child: only its birth leads to us, or its session. */
Test(command_family, an_orphan_is_known_by_births_in_any_order)
{
        int fds[2];
        pid_t orphan_pid, child_pid = make_family(true, fds, &orphan_pid);
        struct one me = who(getpid()), orphan = who(orphan_pid);
        const struct find_birth births[] = { { .pid = orphan_pid, .parent = child_pid, .at = 20 },
                                             { .pid = child_pid, .parent = me.pid, .at = 10 } };

        cr_expect_not(descends(orphan, me));
        for (int way = 0; way < 3; way++) {
                struct family *family = family_new();
                cr_assert_eq(family_add(family, me.pid, me.start_time), 0);
                cr_expect_not(family_lives(family), "there are only we");
                cr_assert_eq(family_hear(family, &births[way == 1]), 0);
                if (way == 2)
                        family_settle(family); /* the parent's birth is told by the next scan */
                cr_assert_eq(family_hear(family, &births[way != 1]), 0);
                family_settle(family);
                cr_expect(family_has(family, orphan.pid, orphan.start_time), "way %d", way);
                cr_expect(family_lives(family));
                family_free(family);
        }
        close(fds[1]);
}

Test(command_family, an_orphan_is_known_by_the_session_that_one_of_ours_began)
{
        int fds[2];
        pid_t orphan_pid, child_pid = make_family(true, fds, &orphan_pid);
        struct one orphan = who(orphan_pid), child = { child_pid, orphan.start_time };

        cr_expect(descends(orphan, child));
        close(fds[1]);
}

Test(command_family, a_stranger_with_the_pid_of_one_of_ours_is_none)
{
        int fds[2];
        pid_t grandchild_pid, child_pid = make_family(false, fds, &grandchild_pid);
        struct one child = who(child_pid), grandchild = who(grandchild_pid);
        const struct find_birth births[] = { { .pid = child_pid, .parent = 1, .at = 10 },
                                             { .pid = grandchild_pid, .parent = child_pid, .at = 20 } };
        struct family *family = family_new();

        cr_assert_eq(family_add(family, child.pid, child.start_time - 1), 0);
        for (size_t i = 0; i < 2; i++)
                cr_assert_eq(family_hear(family, &births[i]), 0);
        family_settle(family);
        cr_expect_not(family_has(family, grandchild.pid, grandchild.start_time));
        cr_expect_not(family_lives(family));
        family_free(family);
        close(fds[1]);
        waitpid(child_pid, NULL, 0);
}
