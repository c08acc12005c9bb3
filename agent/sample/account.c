/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU clock of a process ends when its parent has waited for it. That is often before podflame hears of the end.
 * Then the CPU time after the last reading would be lost. For a process that lives for 20 ms that is most of its time.
 * So a counting event of the kernel's is opened, which can be read afterwards. Threads inherit the event, children
 * don't.
 */
#include "account.h"

#include "perf_event.h"

#include "nsutil/nsutil.h"

#include <unistd.h>

/* If a process has used this much CPU time, the time after the last reading is a small part: no counter is kept. */
#define SHORT_LIFE_NS 1000000000u

/* The least time between two readings at ticks. A reading costs a system call. */
#define READ_EVERY_NS 5000000u

void account_open(struct account *ret, pid_t pid, bool short_lived)
{
        struct account account = { .pid = pid, .count_fd = -1 };
        struct nsutil_stat stat = { 0 };

        if (nsutil_stat_read(pid, &stat) == 0)
                account.start_time = stat.start_time;
        if (short_lived && stat.threads == 1)
                account.count_fd = perf_open_count(pid);
        account_read(&account);
        account.booked_ns = account.count_from_ns = account.cpu_ns;
        *ret = account;
}

void account_close(struct account *account)
{
        if (account->count_fd >= 0)
                close(account->count_fd);
        account->count_fd = -1;
}

/* Neither clock may go backwards, whatever a kernel or a hypervisor does. */
static void advance_cpu_clock(struct account *account, uint64_t cpu_ns)
{
        if (cpu_ns > account->cpu_ns)
                account->cpu_ns = cpu_ns;
}

uint64_t account_read(struct account *account)
{
        uint64_t now, counted;

        if (nsutil_cpu_ns(account->pid, &now) == 0)
                advance_cpu_clock(account, now);
        else if (account->count_fd >= 0 && read(account->count_fd, &counted, sizeof counted) == sizeof counted)
                advance_cpu_clock(account, account->count_from_ns + counted);
        return account->cpu_ns;
}

bool account_read_at_tick(struct account *account, uint64_t now_ns)
{
        if (now_ns < account->read_at_ns + READ_EVERY_NS)
                return false;
        account->read_at_ns = now_ns;
        account_read(account);
        return true;
}

uint64_t account_book(struct account *account)
{
        uint64_t used = account_read(account) - account->booked_ns;

        account->booked_ns = account->cpu_ns;
        if (account->cpu_ns > account->count_from_ns + SHORT_LIFE_NS)
                account_close(account);
        return used;
}
