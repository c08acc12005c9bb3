/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(nsutil_task);

static void *outlive(void *arg)
{
        pause(); /* until it is killed */
        return arg;
}

/* A process whose first thread has ended and whose second one waits. */
static pid_t begin_survived(void)
{
        struct nsutil_stat stat = { 0 };
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                pthread_t thread;
                alarm(60); /* whatever becomes of the test */
                if (pthread_create(&thread, NULL, outlive, NULL) != 0)
                        _exit(1);
                syscall(SYS_exit, 0);
        }
        while (nsutil_stat_read_at(pid, "stat", &stat) == 0 && stat.state != 'Z')
                usleep(1000);
        return pid;
}

static void end(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

Test(nsutil_task, is_the_process_itself_as_a_rule)
{
        cr_expect_eq(nsutil_task(getpid()), getpid());
        cr_expect_eq(nsutil_task(1), 1);
        cr_expect_eq(nsutil_task(0x7ffffff0), 0x7ffffff0, "that is none at all");
}

Test(nsutil_task, is_none_of_a_process_that_has_ended)
{
        siginfo_t info;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        struct nsutil_stat stat;
        cr_expect_eq(nsutil_task(pid), pid);
        cr_assert_eq(nsutil_stat_read(pid, &stat), 0);
        cr_expect(stat.ending);
        end(pid);
}

Test(nsutil_task, is_another_thread_where_the_first_has_ended)
{
        pid_t pid = begin_survived(), task = nsutil_task(pid);
        struct nsutil_thread *threads = NULL;
        struct nsutil_stat stat;
        size_t n = 0;

        cr_expect_neq(task, pid);
        cr_assert_eq(nsutil_stat_read(pid, &stat), 0);
        cr_expect_eq(stat.pid, pid);
        cr_expect_neq(stat.state, 'Z');
        cr_expect_not(stat.ending);
        cr_expect_neq(stat.start_stack, 0);
        cr_assert_eq(nsutil_threads_read(pid, &threads, &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(threads[0].tid, task);
        free(threads);
        end(pid);
}

Test(nsutil_task, shows_what_the_first_thread_shows_no_more)
{
        pid_t pid = begin_survived();
        struct nsutil_maps maps = { 0 }, ours = { 0 };
        char exe[4096] = "", own[4096], cmdline[256] = "";
        int fd = -1;

        cr_assert_eq(nsutil_maps_read(pid, &maps), 0);
        cr_assert_eq(nsutil_maps_read(getpid(), &ours), 0);
        cr_expect_gt(maps.n, 5);
        cr_expect_eq(maps.maps[0].start, ours.maps[0].start, "it is a copy of us");
        cr_expect_eq(nsutil_exe(pid, exe, sizeof exe), 0);
        cr_assert_eq(nsutil_exe(getpid(), own, sizeof own), 0);
        cr_expect_str_eq(exe, own);
        cr_expect_eq(nsutil_cmdline(pid, cmdline, sizeof cmdline), 0);
        cr_expect_gt(strlen(cmdline), 0);
        cr_expect_eq(nsutil_may_read(pid), 0);
        size_t file = 0; /* the sanitizers' own memory may lie before it */
        while (file < maps.n && maps.maps[file].path[0] != '/')
                file++;
        cr_assert_lt(file, maps.n);
        cr_assert_eq(nsutil_open_map(pid, &maps.maps[file], &fd), 0);
        close(fd);
        cr_assert_eq(nsutil_open_in_root(pid, "/proc/version", &fd), 0);
        close(fd);
        nsutil_maps_deinit(&maps);
        nsutil_maps_deinit(&ours);
        end(pid);
}
