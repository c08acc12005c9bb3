/* SPDX-License-Identifier: Apache-2.0 */
/* Each process that is followed takes descriptors. A part of all descriptors is kept for the rest of the program. */
#include "agent/find/internal.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Descriptors kept for sending, the spool, probes and reading a process. If the limit is low, a part of the limit is
 * kept instead.
 */
#define RESERVE 32
#define RESERVE_PART 4

bool find_has_descriptors(void)
{
        struct rlimit limit;
        int ends[2], lowest;
        rlim_t reserve;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return true;
        /* The kernel gives the lowest free number. */
        if (pipe2(ends, O_CLOEXEC) < 0)
                return false;
        lowest = ends[1];
        close(ends[0]);
        close(ends[1]);
        reserve = limit.rlim_cur / RESERVE_PART < RESERVE ? limit.rlim_cur / RESERVE_PART : RESERVE;
        return (rlim_t)lowest + reserve < limit.rlim_cur;
}

void find_set_starved(struct find *find, struct find_entry *entry, bool starved)
{
        find->starved += (size_t)starved - (size_t)entry->starved;
        entry->starved = starved;
}

size_t find_starved(const struct find *find)
{
        return find->starved;
}
