/* SPDX-License-Identifier: Apache-2.0 */
/* A real interpreter, opened by pystack itself. */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Others may run Python on this machine: only what happens to one process is counted. */
struct log {
        pid_t pid;
        size_t n_born, n_ended;
        struct find_process born;
};

static void on_born(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct log *log = ctx;

        if (process->pid == log->pid) {
                log->n_born++;
                log->born = *process;
                cr_expect_eq(py != NULL, process->status == 0);
        }
        pystack_close(py);
}

static void on_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct log *log = ctx;

        if (pid == log->pid) {
                log->n_ended++;
                cr_expect_eq(start_time, log->born.start_time);
        }
}

SUITE(find_python);

/* Python that executes Python once it has read a line from @input. */
static pid_t start_python(int input)
{
        static const char program[] = "import os, sys\n"
                                      "os.read(0, 1)\n"
                                      "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)'])";
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(input, 0);
                execlp("python3", "python3", "-c", program, (char *)NULL);
                _exit(1);
        }
        return pid;
}

static void scan_until(struct find *find, const struct find_events *events, const size_t *counter, size_t n)
{
        for (int i = 0; i < 500 && *counter < n; i++) {
                cr_assert_eq(find_scan(find, events), 0);
                usleep(10000);
        }
        cr_assert_eq(*counter, n);
}

/* Those that live 200 ms are seen, if the kernel tells of births or the machine is looked at often enough. */
Test(find_python, the_short_lived_are_seen)
{
        const struct find_config config = { .follow = true };
        struct log log = { 0 };
        const struct find_events events = { .ctx = &log, .born = on_born, .ended = on_ended };
        struct find *find;
        size_t n_seen = 0;

        cr_assert_eq(find_open(&config, &find), 0);
        cr_assert_eq(find_scan(find, &events), 0);
        for (int i = 0; i < 5; i++) {
                uint64_t end = find_now() + UINT64_C(20000000000); /* a crowded machine takes seconds to start one */
                size_t n_born = log.n_born;

                log.pid = fork();
                if (log.pid == 0) {
                        execlp("python3", "python3", "-c", "import time; time.sleep(0.2)", (char *)NULL);
                        _exit(1);
                }
                while (waitpid(log.pid, NULL, WNOHANG) == 0 && find_now() < end) {
                        struct pollfd poll_fd = { .fd = find_fd(find), .events = POLLIN };
                        int timeout = find_timeout_ms(find);

                        poll(&poll_fd, 1, find_follows(find) && timeout < 50 ? timeout : 50);
                        cr_assert_eq(find_scan(find, &events), 0);
                }
                n_seen += log.n_born > n_born;
        }
        cr_expect_geq(n_seen, 4); /* there, one may end before we have our turn */
        find_close(find);
}

Test(find_python, born_once_again_by_exec_and_ended)
{
        struct log log = { 0 };
        const struct find_events events = { .ctx = &log, .born = on_born, .ended = on_ended };
        struct find *find;
        int fds[2];

        cr_assert_eq(pipe(fds), 0);
        cr_assert_eq(find_open(NULL, &find), 0);
        log.pid = start_python(fds[0]);
        scan_until(find, &events, &log.n_born, 1);
        cr_expect_eq(log.born.status, 0, "%s", log.born.info.detail);
        cr_expect_eq(log.born.info.version >> 24, 3);
        cr_expect_eq(strncmp(find_basename(log.born.exe), "python", 6), 0, "%s", log.born.exe);
        for (int i = 0; i < 20; i++)
                cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(log.n_born, 1);
        cr_expect_eq(log.n_ended, 0);

        uint64_t start_time = log.born.start_time;
        cr_assert_eq(write(fds[1], "\n", 1), 1);
        scan_until(find, &events, &log.n_born, 2);
        cr_expect_eq(log.n_ended, 1);
        cr_expect_eq(log.born.start_time, start_time);
        cr_expect_not_null(strstr(log.born.cmdline, "time.sleep"));

        child_end(log.pid);
        scan_until(find, &events, &log.n_ended, 2);
        for (int i = 0; i < 20; i++)
                cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(log.n_born, 2);
        cr_expect_eq(log.n_ended, 2);
        find_close(find);
        close(fds[0]);
        close(fds[1]);
}
