/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parents are known by PID and start time, and no child is older than its parent:
 * a PID that has been given to another process leads nowhere. A process whose
 * parent has ended is the child of init, or of whoever adopts orphans.
 */
#include "family.h"

#include "nsutil/nsutil.h"

/* Between a descendant and one of ours; a longer line is the work of a fork bomb. */
#define GENERATIONS_MAX 256

bool family_descends(pid_t pid, uint64_t start_time, family_is_ours_fn is_ours, const void *ctx)
{
        struct nsutil_stat child, parent;

        if (nsutil_stat_read(pid, &child) != 0 || child.start_time != start_time)
                return false;
        for (unsigned i = 0; i < GENERATIONS_MAX && child.ppid > 0; i++) {
                if (nsutil_stat_read(child.ppid, &parent) != 0 || parent.start_time > child.start_time)
                        return false;
                if (is_ours(ctx, parent.pid, parent.start_time))
                        return true;
                child = parent;
        }
        return false;
}
