/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/support/suite.h"

#include <unistd.h>

SUITE(find_schedule);

#define SECOND UINT64_C(1000000000)

Test(find_schedule, the_young_are_looked_at_often)
{
        uint64_t born = 5000 * SECOND;

        for (pid_t pid = 1; pid < 5000; pid += 7) {
                cr_assert_eq(find_next_look(pid, born, born), born);
                cr_assert_eq(find_next_look(pid, born, born - SECOND), born - SECOND, "born in the future");
                uint64_t next = find_next_look(pid, born, born + 2 * SECOND) - born - 2 * SECOND;
                cr_assert(next >= SECOND * 3 / 4 && next <= SECOND);
                next = find_next_look(pid, born, born + 5000 * SECOND) - born - 5000 * SECOND;
                cr_assert(next > 22 * SECOND && next <= 30 * SECOND);
                next = find_next_open(pid, 0, born) - born;
                cr_assert(next > 449 * SECOND && next <= 600 * SECOND);
        }
}

Test(find_schedule, where_births_are_told)
{
        const uint64_t ms = SECOND / 1000, born = 5000 * SECOND;
        uint64_t at = born, n = 0;

        for (; at < born + 200 * ms; n++)
                at = find_next_young(false, born, at);
        cr_expect_eq(n, 3, "few looks at who is not Python");
        cr_expect_eq(find_next_young(false, born, born), born + 5 * ms);
        cr_expect_eq(find_next_young(false, born, born - SECOND), born - SECOND + 5 * ms, "born in the future");
        for (at = born; at < born + 200 * ms;) {
                uint64_t next = find_next_young(true, born, at);

                cr_assert(next >= at + 5 * ms && next <= at + 5 * ms + (at - born) / 2);
                at = next;
        }
        cr_expect(find_is_young(born, born + SECOND));
        cr_expect(!find_is_young(born, born + 2 * SECOND));
}

Test(find_schedule, who_starts_is_not_given_up)
{
        uint64_t born = 5000 * SECOND;

        cr_expect_leq(find_next_starting(1, born, born + SECOND / 10), born + SECOND / 10 + SECOND / 20);
        for (pid_t pid = 1; pid < 500; pid += 7) {
                uint64_t next = find_next_starting(pid, 0, born) - born;
                cr_assert(next > SECOND && next <= 2 * SECOND);
        }
}

/* Processes that are first seen together come due one after another. */
Test(find_schedule, the_old_do_not_come_due_together)
{
        unsigned due[30] = { 0 };

        for (pid_t pid = 1000; pid < 2000; pid++)
                due[find_next_look(pid, 0, 5000 * SECOND) / SECOND - 5000]++;
        for (int i = 23; i < 29; i++)
                cr_expect(due[i] > 80 && due[i] < 200, "%u in second %d", due[i], i);
}

Test(find_schedule, start_times_are_of_this_clock)
{
        struct nsutil_stat stat;

        cr_assert_eq(nsutil_stat_read(getpid(), &stat), 0);
        uint64_t born = find_ticks_to_ns(stat.start_time), now = find_now();
        cr_expect(born <= now && now < born + 60 * SECOND);
}
