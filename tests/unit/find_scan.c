/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real processes, and a pystack that calls Python what the test says is: children
 * who are named so.
 */
#include "agent/find/internal.h"
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

#define MAX_LOG 128

struct log {
        struct find_process born[MAX_LOG];
        void *py[MAX_LOG];
        struct {
                pid_t pid;
                uint64_t start_time;
        } ended[MAX_LOG];
        size_t n_born, n_ended;
};

static struct log seen;
static size_t n_opened, n_open;
static useconds_t open_us; /* that each opening takes */

/* Whether a child of ours has that name, and has finished its exec. */
static bool has_name(pid_t pid, const char *name)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.ppid == getpid() && stat.start_stack != 0 &&
               !strcmp(stat.comm, name);
}

static const struct {
        const char *name;
        int status;
} pythons[] = {
        { "py-good", 0 },
        { "py-denied", PYSTACK_E_DENIED },
        { "python-denied", PYSTACK_E_DENIED },
        { "py-old", PYSTACK_E_UNSUPPORTED },
        { "py-failing", -EIO },
        { "py-costly", PYSTACK_E_COSTLY },
};

/* What is said of "py-starting". */
static int starting = PYSTACK_E_NOT_READY;

static int status_of(pid_t pid)
{
        for (size_t i = 0; i < sizeof(pythons) / sizeof(*pythons); i++)
                if (has_name(pid, pythons[i].name))
                        return pythons[i].status;
        return has_name(pid, "py-starting") ? starting : PYSTACK_E_NOT_PYTHON;
}

static int open_by_name(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        int status = status_of(options->pid);

        n_opened++;
        usleep(open_us);
        ret_info->version = 0x030d00f0;
        if (status == 0) {
                *ret = malloc(1);
                n_open++;
        }
        return status;
}

static void close_it(struct pystack *py)
{
        n_open -= py != NULL;
        free(py);
}

static const struct find_ops by_name = { .open = open_by_name, .close = close_it };

static void on_born(void *ctx, const struct find_process *process, struct pystack *py)
{
        struct log *log = ctx;

        log->born[log->n_born] = *process;
        log->py[log->n_born++] = py;
}

static void on_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        struct log *log = ctx;

        log->ended[log->n_ended].pid = pid;
        log->ended[log->n_ended++].start_time = start_time;
}

static const struct find_events events = { .ctx = &seen, .born = on_born, .ended = on_ended };

static struct find *find;

/* Looks whenever it is time to: on a crowded machine a process is soon no longer young, and looked at less often. */
static void scan_until_born(void)
{
        for (unsigned i = 0; i < 100 && seen.n_born == 0; i++) {
                usleep(1000 * (useconds_t)find_timeout_ms(find) + 1000);
                cr_assert_eq(find_scan(find, &events), 0);
        }
}

static void set_up(void)
{
        cr_assert_eq(find_open_with(NULL, &by_name, &find), 0);
}

static void tear_down(void)
{
        for (size_t i = 0; i < seen.n_born; i++)
                close_it(seen.py[i]);
        cr_expect_eq(n_open, 0, "each struct pystack is handed over or closed");
        find_close(find);
        abort_on_leaks();
}

TestSuite(find_scan, .init = set_up, .fini = tear_down, .timeout = 60);

static void scan(size_t n_born, size_t n_ended)
{
        cr_assert_eq(find_scan(find, &events), 0);
        cr_assert_eq(seen.n_born, n_born, "%zu born, not %zu", seen.n_born, n_born);
        cr_assert_eq(seen.n_ended, n_ended, "%zu ended, not %zu", seen.n_ended, n_ended);
}

static int set_name(void *ctx)
{
        return prctl(PR_SET_NAME, ctx);
}

static pid_t start(const char *name)
{
        static char copy[NSUTIL_COMM_SIZE];

        snprintf(copy, sizeof(copy), "%s", name);
        return child_start(set_name, copy);
}

Test(find_scan, born_once_and_ended_once)
{
        scan(0, 0);
        pid_t pid = start("py-good"), other = start("not-python");
        scan(1, 0);
        scan(1, 0);
        cr_expect_eq(seen.born[0].pid, pid);
        cr_expect_eq(seen.born[0].status, 0);
        cr_expect_eq(seen.born[0].info.version, 0x030d00f0);
        cr_expect_not_null(seen.py[0]);
        child_end(other);
        scan(1, 0);
        child_end(pid);
        scan(1, 1);
        scan(1, 1);
        cr_expect_eq(seen.ended[0].pid, pid);
        cr_expect_eq(seen.ended[0].start_time, seen.born[0].start_time);
        cr_expect_gt(seen.ended[0].start_time, 0u);
}

/* As if each of them were as slow to open as it can be. */
Test(find_scan, slow_openings_leave_the_caller_its_turn)
{
        const struct find_config config = { .slice_ms = 50 };
        pid_t pids[12];
        size_t scans = 0, before = 0;

        find_close(find);
        cr_assert_eq(find_open_with(&config, &by_name, &find), 0);
        for (size_t i = 0; i < 12; i++)
                pids[i] = start("py-good");
        open_us = 20000;
        do {
                before = n_opened;
                cr_assert_eq(find_scan(find, &events), 0);
                cr_expect_leq(n_opened - before, 4, "%zu at a time", n_opened - before);
                cr_expect_eq(seen.n_ended, 0);
        } while (++scans < 1000 && (seen.n_born < 12 || find_timeout_ms(find) == 0));
        cr_expect_eq(seen.n_born, 12);
        cr_expect_geq(scans, 4);
        for (size_t i = 0; i < 12; i++)
                child_end(pids[i]);
}

/* As that of ps. */
Test(find_scan, a_search_that_looks_once_looks_at_all)
{
        pid_t pids[4];

        for (size_t i = 0; i < 4; i++)
                pids[i] = start(i == 3 ? "py-good" : "py-costly");
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(seen.n_born, 4);
        for (size_t i = 0; i < 4; i++)
                child_end(pids[i]);
}

static int become_nobody(void *ctx)
{
        (void)ctx;
        return setuid(65534);
}

/* All of our children are of one user in one cgroup. */
Test(find_scan, a_container_that_is_slow_to_open_waits_for_its_others)
{
        const struct find_config config = { .slice_ms = 60000 };
        pid_t pids[4], good = start("py-good");
        uint64_t begin = find_now();

        find_close(find);
        cr_assert_eq(find_open_with(&config, &by_name, &find), 0);
        for (size_t i = 0; i < 4; i++)
                pids[i] = start("py-costly");
        cr_assert_eq(find_scan(find, &events), 0);
        size_t costly = 0;
        for (size_t i = 0; i < seen.n_born; i++)
                costly += seen.born[i].status == PYSTACK_E_COSTLY;
        cr_expect_eq(costly, 1, "the others wait");
        cr_expect_gt(find_penalty_until(find, good, find_now()), begin);
        if (geteuid() == 0) {
                pid_t other = child_start(become_nobody, NULL);
                cr_expect_eq(find_penalty_until(find, other, find_now()), 0, "another user");
                child_end(other);
        }
        find_penalty_add(find, pids[0], find_now());
        cr_expect_gt(find_penalty_until(find, pids[1], find_now()), find_now() + 500000000, "longer each time");
        cr_expect_eq(find_penalty_until(find, pids[1], find_now() + UINT64_C(700000000000)), 0, "and then forgiven");
        cr_expect_null(find->penalties);
        for (size_t i = 0; i < 4; i++)
                child_end(pids[i]);
        child_end(good);
}

Test(find_scan, the_end_wakes_and_a_zombie_has_ended)
{
        pid_t pid = start("py-good"), other = start("not-python");
        struct pollfd poll_fd = { .fd = find_fd(find), .events = POLLIN };

        scan(1, 0);
        kill(other, SIGKILL);
        cr_expect_eq(poll(&poll_fd, 1, 50), 0, "somebody else's end");
        kill(pid, SIGKILL);
        cr_expect_eq(poll(&poll_fd, 1, 10000), 1);
        scan(1, 1);
        cr_expect_eq(poll(&poll_fd, 1, 0), 0);
        scan(1, 1);
        child_end(pid);
        child_end(other);
        scan(1, 1);
}

Test(find_scan, without_a_pidfd_the_end_is_seen_all_the_same)
{
        pid_t pid = start("py-good");

        scan(1, 0);
        find_known_unwatch(find, find_known_get(find, pid));
        scan(1, 0);
        child_end(pid);
        scan(1, 1);
}

Test(find_scan, a_reused_pid_is_another_process)
{
        pid_t pid = start("py-good");

        scan(1, 0);
        /* As if the PID had belonged to another process at the last scan, one without a pidfd. */
        struct find_entry *entry = find_known_get(find, pid);
        find_known_unwatch(find, entry);
        entry->start_time--;
        scan(2, 1);
        cr_expect_eq(seen.ended[0].start_time, seen.born[0].start_time - 1);
        cr_expect_eq(seen.born[1].pid, pid);
        cr_expect_eq(seen.born[1].start_time, seen.born[0].start_time);
        child_end(pid);
        scan(2, 2);
}

static size_t n_named;
static struct find_process last_named;

static void on_named(void *ctx, const struct find_process *process)
{
        (void)ctx;
        last_named = *process;
        n_named++;
}

/* As if a name had been missing when the process was reported. */
Test(find_scan, names_that_come_late_are_told_once)
{
        const struct find_events with_names = { .ctx = &seen, .born = on_born, .ended = on_ended, .named = on_named };
        pid_t pid = start("py-good");

        scan(1, 0);
        struct find_entry *entry = find_known_get(find, pid);
        cr_expect_eq(entry->name_at, 0, "a process of the host misses none");
        find_entry_set_name_at(entry, true, find_now());
        cr_assert_eq(find_scan(find, &with_names), 0);
        cr_expect_eq(n_named, 0, "not before its time");
        entry->name_at = entry->look_at = 1;
        find->full_at = 0;
        cr_assert_eq(find_scan(find, &with_names), 0);
        cr_assert_eq(n_named, 1);
        cr_expect_eq(last_named.pid, pid);
        cr_expect_eq(last_named.start_time, seen.born[0].start_time);
        last_named.workload_kind = FIND_JOB;
        find_take_names(&seen.born[0], &last_named);
        cr_expect_eq(seen.born[0].workload_kind, FIND_JOB);
        cr_expect_eq(seen.born[0].info.version, 0x030d00f0);
        cr_expect_eq(entry->name_at, 0);
        find->full_at = 0;
        cr_assert_eq(find_scan(find, &with_names), 0);
        cr_expect_eq(n_named, 1);
        /* Labels that come late may decide otherwise. */
        entry->name_at = entry->look_at = 1;
        entry->selected = false;
        find->full_at = 0;
        cr_assert_eq(find_scan(find, &with_names), 0);
        cr_expect_eq(n_named, 1);
        scan(2, 1);
        child_end(pid);
        scan(2, 2);
}

/* A container that nobody names is asked for ever more seldom, at last once a minute. */
Test(find_scan, asking_for_names_becomes_seldom)
{
        struct find_entry entry = { 0 };
        uint64_t before = 0;

        for (unsigned i = 0; i < 20; i++) {
                find_entry_set_name_at(&entry, true, 1000);
                cr_expect_geq(entry.name_at - 1000, before);
                before = entry.name_at - 1000;
        }
        cr_expect_eq(before, UINT64_C(60000000000));
        find_entry_set_name_at(&entry, false, 1000);
        cr_expect_eq(entry.name_at, 0);
}

Test(find_scan, python_that_cannot_be_read)
{
        pid_t old = start("py-old"), denied = start("py-denied"), failing = start("py-failing");

        scan(1, 0);
        cr_expect_eq(seen.born[0].pid, old);
        cr_expect_eq(seen.born[0].status, PYSTACK_E_UNSUPPORTED);
        cr_expect_null(seen.py[0]);
        /* Opened again while young, but not reported again. */
        find_set_rules(find, NULL);
        size_t before = n_opened;
        scan(1, 0);
        cr_expect_gt(n_opened, before);
        child_end(old);
        child_end(denied);
        child_end(failing);
        scan(1, 1);
}

Test(find_scan, an_interpreter_that_starts)
{
        pid_t pid = start("py-starting");

        scan(0, 0);
        scan(0, 0);
        starting = 0;
        scan_until_born();
        scan(1, 0);
        cr_expect_eq(seen.born[0].pid, pid);
        child_end(pid);
        scan(1, 1);
}

/* Somebody whose memory was not there at the moment has not ended as long as there is such a process. */
Test(find_scan, gone_is_no_verdict)
{
        pid_t pid = start("py-starting");

        starting = PYSTACK_E_GONE;
        scan(0, 0);
        cr_expect_eq(find_known_get(find, pid)->kind, FIND_STARTING);
        starting = 0;
        scan_until_born();
        scan(1, 0);
        child_end(pid);
}

Test(find_scan, one_that_becomes_readable_is_born_again)
{
        pid_t pid = start("py-starting");

        starting = PYSTACK_E_UNSUPPORTED;
        scan(1, 0);
        starting = 0;
        find_set_rules(find, NULL);
        scan(2, 1);
        cr_expect_eq(seen.born[1].status, 0);
        cr_expect_not_null(seen.py[1]);
        child_end(pid);
        scan(2, 2);
}

/* ---- exec ------------------------------------------------------------------ */

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

        return set_name(ctx) || sigaction(SIGUSR1, &action, NULL);
}

/* Lets @pid execute a program called @name, in @dir, and waits until it does. */
static void exec_as(pid_t pid, const char *name)
{
        kill(pid, SIGUSR1);
        for (int i = 0; i < 1000 && !has_name(pid, name); i++)
                usleep(10000);
        cr_assert(has_name(pid, name));
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

Test(find_scan, python_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "shell", "py-good");

        scan(0, 0);
        exec_as(pid, "py-good");
        scan_until_born();
        scan(1, 0);
        cr_expect_eq(seen.born[0].pid, pid);
        child_end(pid);
        scan(1, 1);
        temp_remove(dir);
}

Test(find_scan, python_no_more_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "py-good", "other");

        scan(1, 0);
        exec_as(pid, "other");
        find_set_rules(find, NULL);
        scan(1, 1);
        child_end(pid);
        scan(1, 1);
        temp_remove(dir);
}

Test(find_scan, another_python_by_exec)
{
        char dir[64];
        pid_t pid = start_exec(dir, "py-good", "py-good");

        scan(1, 0);
        kill(pid, SIGUSR1);
        for (int i = 0; i < 100 && seen.n_born < 2; i++) {
                usleep(10000);
                cr_assert_eq(find_scan(find, &events), 0);
        }
        cr_expect_eq(seen.n_born, 2);
        cr_expect_eq(seen.n_ended, 1);
        cr_expect_eq(seen.born[1].start_time, seen.born[0].start_time);
        child_end(pid);
        scan(2, 2);
        temp_remove(dir);
}

Test(find_scan, who_is_refused_and_called_python_is_reported)
{
        char dir[64];
        pid_t pid = start_exec(dir, "shell", "python-denied");

        scan(0, 0);
        exec_as(pid, "python-denied");
        find_set_rules(find, NULL);
        scan(1, 0);
        cr_expect_eq(seen.born[0].status, PYSTACK_E_DENIED);
        cr_expect_not_null(strstr(seen.born[0].cmdline, "python-denied 60"));
        child_end(pid);
        scan(1, 1);
        temp_remove(dir);
}

Test(find_scan, many_known_processes_cost_no_opening)
{
        enum { N = 60 };
        pid_t pids[N];

        for (int i = 0; i < N; i++)
                pids[i] = start("py-good");
        scan(N, 0);
        size_t before = n_opened;
        for (int i = 0; i < 20; i++)
                scan(N, 0);
        /* Whatever else runs on this machine may be young, or new. */
        cr_expect_lt(n_opened - before, 20u * N);
        for (int i = 0; i < N; i++)
                child_end(pids[i]);
        scan(N, N);
}
