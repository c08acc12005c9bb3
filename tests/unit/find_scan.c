/* SPDX-License-Identifier: Apache-2.0 */
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

TestSuite(find_scan, .init = stage_set_up, .fini = stage_tear_down, .timeout = 60);

Test(find_scan, born_once_and_ended_once)
{
        stage_scan(0, 0);
        pid_t pid = stage_start("py-good"), other = stage_start("not-python");
        stage_scan(1, 0);
        stage_scan(1, 0);
        cr_expect_eq(stage.seen.born[0].pid, pid);
        cr_expect_eq(stage.seen.born[0].status, 0);
        cr_expect_eq(stage.seen.born[0].info.version, 0x030d00f0);
        cr_expect_not_null(stage.seen.py[0]);
        child_end(other);
        stage_scan(1, 0);
        child_end(pid);
        stage_scan(1, 1);
        stage_scan(1, 1);
        cr_expect_eq(stage.seen.ended[0].pid, pid);
        cr_expect_eq(stage.seen.ended[0].start_time, stage.seen.born[0].start_time);
        cr_expect_gt(stage.seen.ended[0].start_time, 0u);
}

/* As if each of them were as slow to open as it can be. */
Test(find_scan, slow_openings_leave_the_caller_its_turn)
{
        const struct find_config config = { .slice_ms = 50 };
        pid_t pids[12];
        size_t scans = 0, before = 0;

        find_close(stage.find);
        cr_assert_eq(find_open_with(&config, &stage_by_name, &stage.find), 0);
        for (size_t i = 0; i < 12; i++)
                pids[i] = stage_start("py-good");
        stage.open_us = 20000;
        do {
                before = stage.n_opened;
                cr_assert_eq(find_scan(stage.find, &stage_events), 0);
                cr_expect_leq(stage.n_opened - before, 4, "%zu at a time", stage.n_opened - before);
                cr_expect_eq(stage.seen.n_ended, 0);
        } while (++scans < 1000 && (stage.seen.n_born < 12 || find_timeout_ms(stage.find) == 0));
        cr_expect_eq(stage.seen.n_born, 12);
        cr_expect_geq(scans, 4);
        for (size_t i = 0; i < 12; i++)
                child_end(pids[i]);
}

/* As that of ps. */
Test(find_scan, a_search_that_looks_once_looks_at_all)
{
        pid_t pids[4];

        for (size_t i = 0; i < 4; i++)
                pids[i] = stage_start(i == 3 ? "py-good" : "py-costly");
        cr_assert_eq(find_scan(stage.find, &stage_events), 0);
        cr_expect_eq(stage.seen.n_born, 4);
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
        pid_t pids[4], good = stage_start("py-good");
        uint64_t begin = find_now();

        find_close(stage.find);
        cr_assert_eq(find_open_with(&config, &stage_by_name, &stage.find), 0);
        for (size_t i = 0; i < 4; i++)
                pids[i] = stage_start("py-costly");
        cr_assert_eq(find_scan(stage.find, &stage_events), 0);
        size_t costly = 0;
        for (size_t i = 0; i < stage.seen.n_born; i++)
                costly += stage.seen.born[i].status == PYSTACK_E_COSTLY;
        cr_expect_eq(costly, 1, "the others wait");
        cr_expect_gt(find_penalty_until(stage.find, good, find_now()), begin);
        if (geteuid() == 0) {
                pid_t other = child_start(become_nobody, NULL);
                cr_expect_eq(find_penalty_until(stage.find, other, find_now()), 0, "another user");
                child_end(other);
        }
        find_penalty_add(stage.find, pids[0], find_now());
        cr_expect_gt(find_penalty_until(stage.find, pids[1], find_now()), find_now() + 500000000, "longer each time");
        cr_expect_eq(find_penalty_until(stage.find, pids[1], find_now() + UINT64_C(700000000000)), 0,
                     "and then forgiven");
        cr_expect_null(stage.find->penalties);
        for (size_t i = 0; i < 4; i++)
                child_end(pids[i]);
        child_end(good);
}

Test(find_scan, the_end_wakes_and_a_zombie_has_ended)
{
        pid_t pid = stage_start("py-good"), other = stage_start("not-python");
        struct pollfd poll_fd = { .fd = find_fd(stage.find), .events = POLLIN };

        stage_scan(1, 0);
        kill(other, SIGKILL);
        cr_expect_eq(poll(&poll_fd, 1, 50), 0, "somebody else's end");
        kill(pid, SIGKILL);
        cr_expect_eq(poll(&poll_fd, 1, 10000), 1);
        stage_scan(1, 1);
        cr_expect_eq(poll(&poll_fd, 1, 0), 0);
        stage_scan(1, 1);
        child_end(pid);
        child_end(other);
        stage_scan(1, 1);
}

Test(find_scan, without_a_pidfd_the_end_is_seen_all_the_same)
{
        pid_t pid = stage_start("py-good");

        stage_scan(1, 0);
        find_known_unwatch(stage.find, find_known_get(stage.find, pid));
        stage_scan(1, 0);
        child_end(pid);
        stage_scan(1, 1);
}

Test(find_scan, a_reused_pid_is_another_process)
{
        pid_t pid = stage_start("py-good");

        stage_scan(1, 0);
        /* As if the PID had belonged to another process at the last scan, one without a pidfd. */
        struct find_entry *entry = find_known_get(stage.find, pid);
        find_known_unwatch(stage.find, entry);
        entry->start_time--;
        stage_scan(2, 1);
        cr_expect_eq(stage.seen.ended[0].start_time, stage.seen.born[0].start_time - 1);
        cr_expect_eq(stage.seen.born[1].pid, pid);
        cr_expect_eq(stage.seen.born[1].start_time, stage.seen.born[0].start_time);
        child_end(pid);
        stage_scan(2, 2);
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
        struct find_events with_names = stage_events;
        pid_t pid = stage_start("py-good");

        with_names.named = on_named;
        stage_scan(1, 0);
        struct find_entry *entry = find_known_get(stage.find, pid);
        cr_expect_eq(entry->name_at, 0, "a process of the host misses none");
        find_entry_set_name_at(entry, true, find_now());
        cr_assert_eq(find_scan(stage.find, &with_names), 0);
        cr_expect_eq(n_named, 0, "not before its time");
        entry->name_at = entry->look_at = 1;
        stage.find->full_at = 0;
        cr_assert_eq(find_scan(stage.find, &with_names), 0);
        cr_assert_eq(n_named, 1);
        cr_expect_eq(last_named.pid, pid);
        cr_expect_eq(last_named.start_time, stage.seen.born[0].start_time);
        last_named.workload_kind = FIND_JOB;
        find_take_names(&stage.seen.born[0], &last_named);
        cr_expect_eq(stage.seen.born[0].workload_kind, FIND_JOB);
        cr_expect_eq(stage.seen.born[0].info.version, 0x030d00f0);
        cr_expect_eq(entry->name_at, 0);
        stage.find->full_at = 0;
        cr_assert_eq(find_scan(stage.find, &with_names), 0);
        cr_expect_eq(n_named, 1);
        /* Labels that come late may decide otherwise. */
        entry->name_at = entry->look_at = 1;
        entry->selected = false;
        stage.find->full_at = 0;
        cr_assert_eq(find_scan(stage.find, &with_names), 0);
        cr_expect_eq(n_named, 1);
        stage_scan(2, 1);
        child_end(pid);
        stage_scan(2, 2);
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
        pid_t old = stage_start("py-old"), denied = stage_start("py-denied"), failing = stage_start("py-failing");

        stage_scan(1, 0);
        cr_expect_eq(stage.seen.born[0].pid, old);
        cr_expect_eq(stage.seen.born[0].status, PYSTACK_E_UNSUPPORTED);
        cr_expect_null(stage.seen.py[0]);
        /* Opened again while young, but not reported again. */
        find_set_rules(stage.find, NULL);
        size_t before = stage.n_opened;
        stage_scan(1, 0);
        cr_expect_gt(stage.n_opened, before);
        child_end(old);
        child_end(denied);
        child_end(failing);
        stage_scan(1, 1);
}

Test(find_scan, an_interpreter_that_starts)
{
        pid_t pid = stage_start("py-starting");

        stage_scan(0, 0);
        stage_scan(0, 0);
        stage.starting = 0;
        stage_scan_until_born();
        stage_scan(1, 0);
        cr_expect_eq(stage.seen.born[0].pid, pid);
        child_end(pid);
        stage_scan(1, 1);
}

/* Somebody whose memory was not there at the moment has not ended as long as there is such a process. */
Test(find_scan, gone_is_no_verdict)
{
        pid_t pid = stage_start("py-starting");

        stage.starting = PYSTACK_E_GONE;
        stage_scan(0, 0);
        cr_expect_eq(find_known_get(stage.find, pid)->kind, FIND_STARTING);
        stage.starting = 0;
        stage_scan_until_born();
        stage_scan(1, 0);
        child_end(pid);
}

Test(find_scan, one_that_becomes_readable_is_born_again)
{
        pid_t pid = stage_start("py-starting");

        stage.starting = PYSTACK_E_UNSUPPORTED;
        stage_scan(1, 0);
        stage.starting = 0;
        find_set_rules(stage.find, NULL);
        stage_scan(2, 1);
        cr_expect_eq(stage.seen.born[1].status, 0);
        cr_expect_not_null(stage.seen.py[1]);
        child_end(pid);
        stage_scan(2, 2);
}

Test(find_scan, many_known_processes_cost_no_opening)
{
        enum { N = 60 };
        pid_t pids[N];

        for (int i = 0; i < N; i++)
                pids[i] = stage_start("py-good");
        stage_scan(N, 0);
        size_t before = stage.n_opened;
        for (int i = 0; i < 20; i++)
                stage_scan(N, 0);
        /* Whatever else runs on this machine may be young, or new. */
        cr_expect_lt(stage.n_opened - before, 20u * N);
        for (int i = 0; i < N; i++)
                child_end(pids[i]);
        stage_scan(N, N);
}
