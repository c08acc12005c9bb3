/* SPDX-License-Identifier: Apache-2.0 */
/* For how long CPU quotas have kept a process's cgroups from running. */
#include "internal.h"

/* A process may come into another cgroup, or get a quota. */
#define OPEN_EVERY_NS 1000000000u

static void reopen_quota(struct throttle *throttle, pid_t pid, uint64_t now)
{
        throttle->open_at_ns = now + OPEN_EVERY_NS;
        nsutil_quota_close(&throttle->quota);
        if (nsutil_quota_open(pid, &throttle->quota) == 0)
                throttle->seen_ns = nsutil_quota_throttled_ns(&throttle->quota);
}

void throttle_read(struct throttle *throttle, pid_t pid, uint64_t now)
{
        if (throttle->quota.n > 0) {
                uint64_t seen = nsutil_quota_throttled_ns(&throttle->quota);
                if (seen > throttle->seen_ns)
                        throttle->total_ns += seen - throttle->seen_ns;
                throttle->seen_ns = seen;
        }
        if (now >= throttle->open_at_ns)
                reopen_quota(throttle, pid, now);
}

void throttle_close(struct throttle *throttle)
{
        nsutil_quota_close(&throttle->quota);
}
