/* SPDX-License-Identifier: Apache-2.0 */
#include "keeping.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int keeping_open(const char *dir, const char *branch, size_t keep, struct keeping *ret)
{
        struct keeping k = { .dir = dir, .branch = branch, .keep = keep };

        k.reason = mmap(NULL, BASELINE_REASON_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (k.reason == MAP_FAILED)
                return -errno;
        /* The descriptor is not closed on exec, and so outside_open() leaves it open. check executes no program. */
        k.fd = memfd_create("kept", 0);
        if (k.fd < 0) {
                int e = -errno;
                munmap(k.reason, BASELINE_REASON_SIZE);
                return e;
        }
        *ret = k;
        return 0;
}

static int add_to_baseline(void *ctx, int argument)
{
        const struct keeping *k = ctx;

        (void)argument; /* there is one */
        return baseline_add(k->dir, k->branch, k->fd, k->keep, k->reason);
}

void keeping_duties(struct keeping *keeping, const struct outside *outside,
                    struct outside_duty duties[static OUTSIDE_DEEDS])
{
        keeping->outside = outside;
        duties[OUTSIDE_KEEP] = (struct outside_duty){ add_to_baseline, keeping };
}

int keeping_add(struct keeping *k, const struct profile_set *set, const size_t *run_of,
                char reason[static BASELINE_REASON_SIZE])
{
        int r = baseline_pack(set, run_of, k->fd);

        if (r == 0)
                r = outside_ask(k->outside, OUTSIDE_KEEP, 0);
        if (r == CHECK_E_TOLD)
                memcpy(reason, k->reason, BASELINE_REASON_SIZE);
        else if (r < 0)
                snprintf(reason, BASELINE_REASON_SIZE, "%s: %s", k->dir, strerror(-r));
        return r == 0 ? 0 : CHECK_E_TOLD;
}

void keeping_close(struct keeping *keeping)
{
        if (keeping->fd < 0)
                return;
        close(keeping->fd);
        munmap(keeping->reason, BASELINE_REASON_SIZE);
        *keeping = (struct keeping)KEEPING_NONE;
}
