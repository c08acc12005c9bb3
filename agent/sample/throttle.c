/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the CPU quota of its cgroup keeps a process from running, as far as a tick can tell. That is so if no thread
 * of the process has run since the last tick, some thread wants to run, and the quota has kept the cgroup from running
 * in one of the last periods. The kernel counts a period at its end, so the first one of several periods is not
 * noticed.
 */
#include "internal.h"

/* How long a throttled period counts as recent: three periods of the usual 100 ms. */
#define RECENT_NS 300000000u

/* A process may come into another cgroup, or get a quota. */
#define OPEN_EVERY_NS 1000000000u

static void reopen_quota(struct throttle *throttle, pid_t pid, uint64_t now)
{
        if (now < throttle->open_at_ns)
                return;
        throttle->open_at_ns = now + OPEN_EVERY_NS;
        size_t before = throttle->quota.n;
        nsutil_quota_close(&throttle->quota);
        if (nsutil_quota_open(pid, &throttle->quota) == 0 && before == 0)
                throttle->count = nsutil_quota_throttles(&throttle->quota);
}

bool throttle_is_possible(struct throttle *throttle, pid_t pid, uint64_t now)
{
        reopen_quota(throttle, pid, now);
        return throttle->quota.n > 0;
}

bool throttle_holds(struct throttle *throttle, pid_t pid, uint64_t now)
{
        if (!throttle_is_possible(throttle, pid, now))
                return false;
        uint64_t count = nsutil_quota_throttles(&throttle->quota);
        if (count != throttle->count)
                throttle->until_ns = now + RECENT_NS;
        throttle->count = count;
        return now < throttle->until_ns;
}

void throttle_close(struct throttle *throttle)
{
        nsutil_quota_close(&throttle->quota);
}
