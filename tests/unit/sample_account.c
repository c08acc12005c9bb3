/* SPDX-License-Identifier: Apache-2.0 */
/* The account of real processes, and what follows from it for the number of ticks. */
#include "agent/sample/internal.h"
#include "tests/unit/support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

SUITE(sample_account);

#define MS 1000000ull
#define PERIOD (10 * MS)

static uint64_t own_cpu_ns(clockid_t clock)
{
        return clock_ns(clock);
}

static void burn(uint64_t ns, clockid_t clock)
{
        uint64_t until = own_cpu_ns(clock) + ns;

        while (own_cpu_ns(clock) < until)
                ;
}

static void *burn_in_thread(void *arg)
{
        burn(*(uint64_t *)arg, CLOCK_THREAD_CPUTIME_ID);
        return NULL;
}

/* A child that waits for a byte, uses @ns of CPU in a thread that ends, and ends. */
static pid_t start_child(uint64_t ns, int *ret_go)
{
        int ends[2];

        cr_assert_eq(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
                pthread_t thread;
                char byte;
                if (read(ends[0], &byte, 1) != 1 || pthread_create(&thread, NULL, burn_in_thread, &ns) != 0)
                        _exit(1);
                pthread_join(thread, NULL);
                _exit(0);
        }
        close(ends[0]);
        *ret_go = ends[1];
        return pid;
}

static void let_go(int go)
{
        cr_assert_eq(write(go, "", 1), 1);
        close(go);
}

Test(sample_account, threads_that_have_ended_are_in_it)
{
        uint64_t ns = 30 * MS;
        struct account account;
        pthread_t thread;

        account_open(&account, getpid(), false);
        cr_assert_eq(pthread_create(&thread, NULL, burn_in_thread, &ns), 0);
        pthread_join(thread, NULL);
        uint64_t used = account_book(&account);
        cr_expect(used >= ns, "%lu", (unsigned long)used);
        cr_expect(account_book(&account) < ns, "what is booked is not booked again");
        account_close(&account);
}

/* Its parent has waited for it: the clock is gone, the count is not. */
Test(sample_account, a_short_process_is_accounted_for_to_its_end)
{
        struct account account;
        int go;
        pid_t pid = start_child(30 * MS, &go);

        account_open(&account, pid, true);
        if (account.count_fd < 0)
                cr_skip_test("no counting events here");
        let_go(go);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        uint64_t used = account_book(&account);
        cr_expect(used >= 29 * MS && used < 200 * MS, "%lu", (unsigned long)used);
        account_close(&account);
}

Test(sample_account, without_a_count_what_is_known_stays)
{
        struct account account;
        int go;
        pid_t pid = start_child(20 * MS, &go);

        account_open(&account, pid, false);
        cr_expect_eq(account.count_fd, -1);
        uint64_t known = account_read(&account);
        let_go(go);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_expect_eq(account_read(&account), known);
        account_close(&account);
}

Test(sample_account, nobody_has_no_cpu_time)
{
        uint64_t ns;

        cr_expect_eq(nsutil_cpu_ns(0, &ns), NSUTIL_E_GONE);
        cr_expect_eq(nsutil_cpu_ns(-1, &ns), NSUTIL_E_GONE);
        cr_expect_eq(nsutil_cpu_ns(0x3fffffff, &ns), NSUTIL_E_GONE);
}

/* ---- what follows from it ------------------------------------------------------------ */

/* How often the next @n ticks are counted for a target that has used a whole number of periods, and met so many ticks. */
static uint64_t steer(uint64_t used, uint64_t met, unsigned n)
{
        struct target t = { .account = { .pid = getpid(), .count_fd = -1 }, .ticked_ns = met * PERIOD };
        struct tick_event event = { .ns = PERIOD, .at_ns = clock_ns(CLOCK_MONOTONIC), .meets_all = true };
        uint64_t sum = 0;

        t.opened_cpu_ns = account_read(&t.account) - used * PERIOD;
        for (unsigned i = 0; i < n; i++)
                sum += balance_steer(&t, &event);
        return sum;
}

Test(sample_account, chance_is_not_corrected)
{
        burn(1100 * MS, CLOCK_PROCESS_CPUTIME_ID); /* the tests below reach back 100 periods of CPU time */
        cr_expect_eq(steer(100, 100, 5), 5);
        cr_expect_eq(steer(100, 97, 5), 5);
        cr_expect_eq(steer(100, 103, 5), 5);
        cr_expect_eq(steer(0, 1, 5), 5);
}

Test(sample_account, too_many_ticks_are_left_out_and_missing_ones_made_up)
{
        burn(1100 * MS, CLOCK_PROCESS_CPUTIME_ID);
        cr_expect_eq(steer(100, 200, 20), 15, "every fourth one");
        cr_expect_eq(steer(100, 90, 20), 25);
        cr_expect_eq(steer(100, 50, 20), 35, "the more is missing, the more a tick makes up");
        cr_expect_eq(steer(100, 110, 40), 34, "6 beyond chance are corrected, no more: %lu",
                     (unsigned long)steer(100, 110, 40));
}

Test(sample_account, ticks_of_a_targets_own_events_are_taken_as_they_are)
{
        struct target t = { .account = { .pid = getpid(), .count_fd = -1 }, .ticked_ns = 1000 * PERIOD };
        struct tick_event event = { .ns = PERIOD, .at_ns = clock_ns(CLOCK_MONOTONIC) };

        cr_expect_eq(balance_steer(&t, &event), 1);
}
