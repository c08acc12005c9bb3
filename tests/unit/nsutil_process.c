/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(nsutil_process);

Test(nsutil_process, exe_of_ourselves)
{
        char exe[PATH_MAX] = "", cut[5];

        cr_assert_eq(nsutil_exe(getpid(), exe, sizeof(exe)), 0);
        cr_expect_str_eq(strrchr(exe, '/'), "/nsutil");
        cr_expect_eq(exe[0], '/');
        cr_assert_eq(nsutil_exe(getpid(), cut, sizeof(cut)), 0);
        cr_expect_eq(strlen(cut), 4);
        cr_expect_eq(strncmp(cut, exe, 4), 0);
}

/* Copies @from to @to and runs it as a child with @argv; returns once it runs. */
static pid_t run_copy(const char *from, const char *to, char *const argv[])
{
        static char data[8 << 20];
        int fd = open(from, O_RDONLY | O_CLOEXEC), status_fds[2];
        ssize_t n = read(fd, data, sizeof(data));

        cr_assert_gt(n, 0);
        close(fd);
        fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        cr_assert_eq(write(fd, data, (size_t)n), n);
        close(fd);
        cr_assert_eq(pipe2(status_fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                execv(to, argv);
                _exit(1);
        }
        close(status_fds[1]);
        cr_assert_eq(read(status_fds[0], data, 1), 0); /* closed by exec */
        close(status_fds[0]);
        return pid;
}

Test(nsutil_process, a_deleted_program_with_an_odd_command_line)
{
        static char zero[] = "a\nb\033[31m", one[] = "60";
        char *const argv[] = { zero, one, NULL };
        char dir[64], path[128], buf[PATH_MAX];

        temp_make(dir, sizeof(dir));
        snprintf(path, sizeof(path), "%s/program", dir);
        pid_t pid = run_copy("/bin/sleep", path, argv);
        unlink(path);
        cr_assert_eq(nsutil_exe(pid, buf, sizeof(buf)), 0);
        cr_expect_str_eq(buf, path);
        cr_assert_eq(nsutil_cmdline(pid, buf, sizeof(buf)), 0);
        cr_expect_str_eq(buf, "a\nb\033[31m 60");
        cr_assert_eq(nsutil_cmdline(pid, buf, 5), 0);
        cr_expect_str_eq(buf, "a\nb\033");
        child_end(pid);
        temp_remove(dir);
}

Test(nsutil_process, a_zombie_has_no_program)
{
        char buf[64] = "untouched";
        pid_t pid = child_start(child_idle, NULL);
        siginfo_t info;

        kill(pid, SIGKILL);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        cr_expect_eq(nsutil_exe(pid, buf, sizeof(buf)), NSUTIL_E_NOT_FOUND);
        cr_expect_str_eq(buf, "untouched");
        cr_expect_eq(nsutil_cmdline(pid, buf, sizeof(buf)), 0);
        cr_expect_str_eq(buf, "");
        waitpid(pid, NULL, 0);
        cr_expect_eq(nsutil_exe(pid, buf, sizeof(buf)), NSUTIL_E_GONE);
        cr_expect_eq(nsutil_cmdline(pid, buf, sizeof(buf)), NSUTIL_E_GONE);
}

Test(nsutil_process, a_pidfd_tells_the_end)
{
        pid_t pid = child_start(child_idle, NULL);
        struct pollfd poll_fd = { .events = POLLIN };

        cr_assert_eq(nsutil_pidfd_open(pid, &poll_fd.fd), 0);
        cr_expect_eq(fcntl(poll_fd.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        cr_expect_eq(poll(&poll_fd, 1, 0), 0);
        child_end(pid);
        cr_expect_eq(poll(&poll_fd, 1, 10000), 1);
        close(poll_fd.fd);
        cr_expect_eq(nsutil_pidfd_open(pid, &poll_fd.fd), NSUTIL_E_GONE);
}

struct search {
        pid_t wanted;
        int calls;
};

static int look(pid_t pid, void *ctx)
{
        struct search *search = ctx;

        cr_expect_gt(pid, 0);
        search->calls++;
        return pid == search->wanted ? 77 : 0;
}

Test(nsutil_process, each_pid_stops_where_it_is_told)
{
        struct search search = { .wanted = getpid() };

        cr_expect_eq(nsutil_each_pid(look, &search), 77);
        cr_expect_geq(search.calls, 1);
        search = (struct search){ .wanted = gone_pid() };
        cr_expect_eq(nsutil_each_pid(look, &search), 0);
        cr_expect_gt(search.calls, 1);
}
