/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If a process of a container takes too much work to open, the other processes of that container must wait to be
 * opened, longer each time. Other containers do not wait. So a container that starts a hundred such processes a second
 * gets no more of the search than one that starts a single one. The processes of one user in one cgroup count as a
 * container, since on a host there are processes outside of containers.
 *
 * This holds only for a search that goes on in slices, and so can look at others later. A search that looks once, like
 * that of ps, looks at all processes.
 */
#include "agent/find/internal.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The first pause. An opening that is given up has taken 20 ms, a twentieth of it. */
#define FIRST_NS UINT64_C(400000000)
#define LAST_NS UINT64_C(60000000000)

/*
 * If there are more penalties than this, all are forgotten. After this time without another one, a penalty is
 * forgotten.
 */
#define PENALTIES_MAX 1024
#define QUIET_NS UINT64_C(600000000000)

#define CGROUP_MAX 65536

struct find_penalty {
        uint64_t group;
        uint64_t pause, until; /* @pause in ns; @until in ns since boot */
        UT_hash_handle hh;
};

static uint64_t group_of(pid_t pid)
{
        struct nsutil_status status;
        char *text = NULL;
        size_t len = 0;

        if (nsutil_status_read(pid, &status) != 0 || nsutil_read_proc(pid, "cgroup", CGROUP_MAX, &text, &len) != 0)
                return 0;
        uint64_t group = XXH3_64bits_withSeed(text, len, status.uid);
        free(text);
        return group;
}

static struct find_penalty *get_penalty(const struct find *find, uint64_t group)
{
        struct find_penalty *penalty;

        HASH_FIND(hh, find->penalties, &group, sizeof(group), penalty);
        return penalty;
}

static void forget_penalty(struct find *find, struct find_penalty *penalty)
{
        HASH_DEL(find->penalties, penalty);
        free(penalty);
}

uint64_t find_penalty_until(struct find *find, pid_t pid, uint64_t now)
{
        struct find_penalty *penalty = find->penalties ? get_penalty(find, group_of(pid)) : NULL;

        if (penalty && now >= penalty->until + QUIET_NS) {
                forget_penalty(find, penalty);
                return 0;
        }
        return penalty && now < penalty->until ? penalty->until : 0;
}

void find_penalty_add(struct find *find, pid_t pid, uint64_t now)
{
        uint64_t group = group_of(pid);
        struct find_penalty *penalty = get_penalty(find, group);

        if (find->slice == 0)
                return;
        if (!penalty) {
                if (HASH_COUNT(find->penalties) >= PENALTIES_MAX)
                        find_penalties_clear(find);
                penalty = calloc(1, sizeof(*penalty));
                if (!penalty)
                        return;
                penalty->group = group;
                penalty->pause = FIRST_NS / 2;
                HASH_ADD(hh, find->penalties, group, sizeof(group), penalty);
                if (!penalty->hh.tbl) {
                        free(penalty);
                        return;
                }
        }
        penalty->pause = 2 * penalty->pause < LAST_NS ? 2 * penalty->pause : LAST_NS;
        penalty->until = now + penalty->pause;
}

void find_penalties_clear(struct find *find)
{
        struct find_penalty *penalty, *next;

        HASH_ITER(hh, find->penalties, penalty, next)
                forget_penalty(find, penalty);
}
