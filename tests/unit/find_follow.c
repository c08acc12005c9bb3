/* SPDX-License-Identifier: Apache-2.0 */
/* Births and execs told by the kernel; rules and ages, on processes that are not really Python. */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

SUITE(find_follow);

/* Only what happens to processes of this name, and children of ours, counts. */
static const char *python = "pf-follow";

static size_t n_opened, n_born, n_ended;
static struct find_process born;
static bool all_are_read;

static bool is_ours(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.ppid == getpid() && !strcmp(stat.comm, python);
}

static int open_ours(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info)
{
        (void)ret_info;
        if (!is_ours(options->pid))
                return PYSTACK_E_NOT_PYTHON;
        n_opened++;
        *ret = malloc(1);
        return 0;
}

static void close_it(struct pystack *py)
{
        free(py);
}

static const struct find_ops ops = { .open = open_ours, .close = close_it };

static void on_born(void *ctx, const struct find_process *process, struct pystack *py)
{
        (void)ctx;
        if (is_ours(process->pid)) {
                n_born++;
                born = *process;
                cr_expect_eq(py != NULL, process->selected || all_are_read);
        }
        free(py);
}

static void on_ended(void *ctx, pid_t pid, uint64_t start_time)
{
        (void)ctx;
        n_ended += pid == born.pid && start_time == born.start_time;
}

static const struct find_events events = { .born = on_born, .ended = on_ended };

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

static struct find *open_following(void)
{
        const struct find_config config = { .follow = true };
        struct find *find;

        cr_assert_eq(find_open_with(&config, &ops, &find), 0);
        require(find_follows(find), "needs perf events of the whole machine");
        cr_assert_eq(find_scan(find, &events), 0);
        return find;
}

/* As the agent does; ends at the first news after @ms. */
static void follow(struct find *find, int ms, const size_t *counter, size_t n)
{
        uint64_t end = find_now() + (uint64_t)ms * 1000000;

        while (*counter < n && find_now() < end) {
                struct pollfd poll_fd = { .fd = find_fd(find), .events = POLLIN };
                int timeout = find_timeout_ms(find);

                poll(&poll_fd, 1, timeout < ms ? timeout : ms);
                cr_assert_eq(find_scan(find, &events), 0);
        }
}

/* Much sooner than the next scan of everything. */
Test(find_follow, a_birth_wakes_and_is_found)
{
        struct find *find = open_following();

        follow(find, 50, &n_born, 1);
        uint64_t before = find_now();
        pid_t pid = start(python);
        follow(find, 3000, &n_born, 1);
        cr_expect_eq(n_born, 1);
        cr_expect_eq(born.pid, pid);
        cr_expect_lt(find_now() - before, 500000000u);
        child_end(pid);
        follow(find, 1000, &n_ended, 1);
        cr_expect_eq(n_ended, 1);
        find_close(find);
}

/* Births as they are told, of children and grandchildren of ours. */
static struct find_birth births[64];
static size_t n_births;

static void on_appeared(void *ctx, const struct find_birth *birth)
{
        (void)ctx;
        if (birth->at != 0 && n_births < 64)
                births[n_births++] = *birth;
}

static const struct find_birth *birth_of(pid_t pid)
{
        for (size_t i = 0; i < n_births; i++)
                if (births[i].pid == pid)
                        return &births[i];
        return NULL;
}

/* A child that forks, is waited for, and leaves an orphan, whose PID is told. */
static pid_t leave_orphan(pid_t *ret_orphan)
{
        int fds[2], status;

        cr_assert_eq(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
                pid_t orphan = fork();
                if (orphan == 0) {
                        sleep(20);
                        _exit(0);
                }
                _exit(write(fds[1], &orphan, sizeof orphan) < 0);
        }
        cr_assert_eq(read(fds[0], ret_orphan, sizeof *ret_orphan), sizeof *ret_orphan);
        close(fds[0]);
        close(fds[1]);
        cr_assert_eq(waitpid(child, &status, 0), child);
        return child;
}

/* By the time that anybody can look at it, the orphan is init's child, and its parent is gone. */
Test(find_follow, a_birth_names_the_parent_that_is_gone)
{
        const struct find_events told = { .born = on_born, .ended = on_ended, .appeared = on_appeared };
        struct find *find = open_following();
        pid_t orphan = 0, child = leave_orphan(&orphan);

        for (int i = 0; i < 100 && !(birth_of(child) && birth_of(orphan)); i++) {
                cr_assert_eq(find_scan(find, &told), 0);
                usleep(10000);
        }
        cr_assert_not_null(birth_of(child));
        cr_assert_not_null(birth_of(orphan));
        cr_expect_eq(birth_of(child)->parent, getpid());
        cr_expect_eq(birth_of(orphan)->parent, child);
        cr_expect_lt(birth_of(child)->at, birth_of(orphan)->at);
        kill(orphan, SIGKILL);
        find_close(find);
}

static char program[128];

Test(find_follow, an_exec_is_found_and_ends_what_was)
{
        char dir[64], *const args[] = { program, (char[]){ "60" }, NULL };
        struct find *find = open_following();

        temp_make(dir, sizeof(dir));
        snprintf(program, sizeof(program), "%s/%s", dir, python);
        cr_assert_eq(symlink("/bin/sleep", program), 0);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                usleep(100000);
                execv(program, args);
                _exit(1);
        }
        follow(find, 2000, &n_born, 1);
        cr_expect_eq(n_born, 1);
        cr_expect_eq(born.pid, pid);
        cr_expect_not_null(strstr(born.cmdline, "pf-follow 60"));
        child_end(pid);
        follow(find, 1000, &n_ended, 1);
        cr_expect_eq(n_ended, 1);
        temp_remove(dir);
        find_close(find);
}

/* Long before the next scan of everything. */
Test(find_follow, what_has_ended_before_it_was_looked_at_is_forgotten)
{
        struct find *find = open_following();
        size_t met = 0;

        for (int i = 0; i < 50; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        _exit(0);
                cr_assert_eq(waitpid(pid, NULL, 0), pid);
                cr_assert_eq(find_scan(find, &events), 0);
                met += find_known_get(find, pid) != NULL;
        }
        cr_expect_leq(met, 5);
        find_close(find);
}

static void *idle(void *arg)
{
        sleep(60);
        return arg;
}

/* The kernel tells that its first thread has ended. */
Test(find_follow, a_process_that_has_lost_its_first_thread_is_found)
{
        struct find *find = open_following();
        pthread_t thread;
        pid_t pid = fork();

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                prctl(PR_SET_NAME, python);
                pthread_create(&thread, NULL, idle, NULL);
                pthread_exit(NULL);
        }
        follow(find, 3000, &n_born, 1);
        cr_expect_eq(n_born, 1);
        cr_expect_eq(born.pid, pid);
        child_end(pid);
        find_close(find);
}

Test(find_follow, known_processes_are_not_looked_at_all_the_time)
{
        struct find *find = open_following();
        pid_t pid = start(python);

        follow(find, 1000, &n_born, 1);
        size_t before = n_opened;
        follow(find, 300, &n_born, 2);
        cr_expect_eq(n_opened, before);
        child_end(pid);
        find_close(find);
}

/*
 * A child of ours is born and ends. Returns how long the watch is muted for then: in first looks. @no_python: whether we
 * are a program that is none.
 */
static uint64_t hear_a_birth(struct find *find, bool no_python)
{
        struct find_entry *us = find_known_get(find, getpid());
        int status;

        cr_assert_not_null(us);
        us->is_no_python = us->is_other_program = no_python;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        usleep(1000 * (useconds_t)find_timeout_ms(find) + 1000);
        cr_assert_eq(find_scan(find, &events), 0);
        return find->muted_for / find->first_look;
}

/* Other processes of the machine may be born meanwhile, and make any hearing urgent. */
Test(find_follow, programs_that_are_no_python_wake_less_often)
{
        struct find *find = open_following();
        uint64_t longest = 0, end = find_now() + UINT64_C(10000000000);

        for (unsigned i = 0; i < 20; i++)
                cr_expect_leq(hear_a_birth(find, false), 2, "our children may be Python");
        while (longest < 4 && find_now() < end) {
                uint64_t muted = hear_a_birth(find, true);

                longest = muted > longest ? muted : longest;
        }
        cr_expect_eq(longest, 4);
        find_close(find);
}

static struct find_rules *drop_everything(void)
{
        char error[FIND_RULE_ERROR_SIZE];
        struct find_rules *rules;

        cr_assert_eq(find_rules_new(&rules), 0);
        cr_assert_eq(find_rules_add(rules, FIND_SELECT, "pid=*", error), 0);
        cr_assert_eq(find_rules_add(rules, FIND_DROP, "cmdline=**", error), 0);
        return rules;
}

/* It is reported anew, so that whoever samples it begins once more. */
Test(find_follow, rules_for_native_stacks_may_change)
{
        char error[FIND_RULE_ERROR_SIZE];
        struct find_rules *rules;
        struct find *find = open_following();
        pid_t pid = start(python);

        cr_assert_eq(find_rules_new(&rules), 0);
        cr_assert_eq(find_rules_add(rules, FIND_NATIVE, "pid=1", error), 0);
        follow(find, 1000, &n_born, 1);
        cr_expect_not(born.python_only);
        find_set_rules(find, rules);
        follow(find, 1000, &n_born, 2);
        cr_expect_eq(n_ended, 1);
        cr_expect(born.selected && born.python_only);
        child_end(pid);
        find_close(find);
        find_rules_free(rules);
}

Test(find_follow, who_is_not_selected_is_never_opened)
{
        struct find_rules *rules = drop_everything();
        const struct find_config config = { .rules = rules };
        struct find *find;
        pid_t pid = start(python);

        cr_assert_eq(find_open_with(&config, &ops, &find), 0);
        for (int i = 0; i < 5; i++)
                cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_opened, 0);
        cr_expect_eq(n_born, 0);

        find_set_rules(find, NULL);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_opened, 1);
        cr_expect_eq(n_born, 1);
        cr_expect(born.selected);
        cr_expect_eq(n_ended, 0);

        find_set_rules(find, rules);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_ended, 1);
        cr_expect_eq(n_opened, 1);
        child_end(pid);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_ended, 1);
        find_close(find);
        find_rules_free(rules);
}

Test(find_follow, who_is_not_selected_is_opened_all_the_same_if_so_wished)
{
        struct find_rules *rules = drop_everything();
        const struct find_config config = { .rules = rules, .read_unselected = true };
        struct find *find;
        pid_t pid = start(python);

        all_are_read = true;
        cr_assert_eq(find_open_with(&config, &ops, &find), 0);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_opened, 1);
        cr_expect_eq(n_born, 1);
        cr_expect_not(born.selected);
        cr_expect_str_eq(born.rule, "drop cmdline=**");
        child_end(pid);
        find_close(find);
        find_rules_free(rules);
}

Test(find_follow, who_is_not_selected_is_shown_by_its_name)
{
        char dir[64], *const args[] = { program, (char[]){ "60" }, NULL };
        struct find_rules *rules = drop_everything();
        const struct find_config config = { .rules = rules, .show_unselected = true };
        struct find *find;

        python = "python-pf";
        temp_make(dir, sizeof(dir));
        snprintf(program, sizeof(program), "%s/%s", dir, python);
        cr_assert_eq(symlink("/bin/sleep", program), 0);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execv(program, args);
                _exit(1);
        }
        for (int i = 0; i < 1000 && !is_ours(pid); i++)
                usleep(10000);
        cr_assert_eq(find_open_with(&config, &ops, &find), 0);
        for (int i = 0; i < 3; i++)
                cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_opened, 0);
        cr_expect_eq(n_born, 1);
        cr_expect_eq(born.status, 0);
        cr_expect_not(born.selected);
        cr_expect_str_eq(born.rule, "drop cmdline=**");

        find_set_rules(find, NULL);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_ended, 1);
        cr_expect_eq(n_born, 2);
        cr_expect(born.selected);
        child_end(pid);
        temp_remove(dir);
        find_close(find);
        find_rules_free(rules);
}

static bool nobody_is_wanted(void *ctx, pid_t pid, uint64_t start_time)
{
        (void)ctx;
        (void)pid;
        return start_time == 0;
}

Test(find_follow, who_is_not_wanted_is_never_opened)
{
        const struct find_events choosy = { .born = on_born, .ended = on_ended, .wanted = nobody_is_wanted };
        struct find *find;
        pid_t pid = start(python);

        cr_assert_eq(find_open_with(NULL, &ops, &find), 0);
        for (int i = 0; i < 3; i++)
                cr_assert_eq(find_scan(find, &choosy), 0);
        cr_expect_eq(n_opened, 0);
        cr_expect_eq(n_born, 0);
        find_set_rules(find, NULL);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_born, 1);
        child_end(pid);
        find_close(find);
}

Test(find_follow, the_young_are_left_alone_if_so_wished)
{
        const struct find_config config = { .min_age_ms = 400 };
        struct find *find;
        pid_t pid = start(python);

        cr_assert_eq(find_open_with(&config, &ops, &find), 0);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_opened, 0);
        usleep(450000);
        cr_assert_eq(find_scan(find, &events), 0);
        cr_expect_eq(n_born, 1);
        child_end(pid);
        find_close(find);
}
