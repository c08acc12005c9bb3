/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of known processes, by PID. One epoll watches the pidfds of the reported ones. A pidfd reports the end of
 * its process before the PID can be given to another process. The scan asks the epoll first, so that a reused PID is
 * never taken for its predecessor. Other processes need no pidfd: it is rare that one of them ends and another process
 * gets its PID between two scans. Its start time shows that when it is next looked at.
 */
#include "internal.h"

#include "agent/find/identity/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

/*
 * The kubelet tells of a container some seconds after its start; an API that is away may be back in an hour. A container
 * that nobody names is asked for ever more seldom.
 */
#define NAME_FIRST_NS UINT64_C(1000000000)
#define NAME_LAST_NS UINT64_C(60000000000)

void find_entry_set_name_at(struct find_entry *entry, bool unnamed, uint64_t now)
{
        uint64_t after = 2 * entry->name_after;

        if (after < NAME_FIRST_NS)
                after = NAME_FIRST_NS;
        entry->name_after = after > NAME_LAST_NS ? NAME_LAST_NS : after;
        entry->name_at = unnamed ? now + entry->name_after : 0;
}

void find_entry_note_names(const struct find *find, struct find_entry *entry, const struct find_process *told,
                           uint64_t now)
{
        find_entry_set_name_at(entry, told->unnamed, now);
        entry->names_sum = told->unnamed ? find_names_sum(find, told->container_id) : 0;
}

bool find_entry_is_reported(const struct find_entry *entry)
{
        return entry->kind == FIND_PYTHON || entry->kind == FIND_UNREADABLE;
}

struct find_entry *find_known_get(const struct find *find, pid_t pid)
{
        struct find_entry *entry;

        HASH_FIND_INT(find->entries, &pid, entry);
        return entry;
}

int find_known_add(struct find *find, struct find_entry *entry)
{
        HASH_ADD_INT(find->entries, pid, entry);
        return entry->hh.tbl ? 0 : -ENOMEM;
}

void find_known_remove(struct find *find, struct find_entry *entry)
{
        find_known_unwatch(find, entry);
        find_known_set_young(find, entry, false);
        find_set_starved(find, entry, false);
        HASH_DEL(find->entries, entry);
        find_claims_forget(entry);
        free(entry);
}

struct find_entry *find_known_ended(const struct find *find)
{
        struct epoll_event event;

        return epoll_wait(find->ends_fd, &event, 1, 0) == 1 ? event.data.ptr : NULL;
}

/* A pidfd that cannot be watched is closed, as if there was none. */
void find_known_watch(struct find *find, struct find_entry *entry, int pidfd)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = entry };

        if (pidfd >= 0 && epoll_ctl(find->ends_fd, EPOLL_CTL_ADD, pidfd, &event) < 0) {
                close(pidfd);
                pidfd = -1;
        }
        entry->pidfd = pidfd;
}

/* A pidfd must be removed first: if a child has inherited it, closing alone would leave it in the epoll. */
void find_known_unwatch(struct find *find, struct find_entry *entry)
{
        if (entry->pidfd < 0)
                return;
        epoll_ctl(find->ends_fd, EPOLL_CTL_DEL, entry->pidfd, NULL);
        close(entry->pidfd);
        entry->pidfd = -1;
}

void find_known_set_young(struct find *find, struct find_entry *entry, bool young)
{
        if (young == entry->is_young)
                return;
        if (young)
                DL_APPEND(find->young, entry);
        else
                DL_DELETE(find->young, entry);
        entry->is_young = young;
}
