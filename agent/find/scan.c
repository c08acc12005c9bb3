/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at the machine: who has ended, who is new, who has become another.
 *
 * A known process costs a directory entry and a hash lookup; only those that are
 * due are read. An exec shows in the address of the stack, which the kernel draws
 * anew for each program (not where address space randomisation is switched off).
 */
#include "agent/find/internal.h"

#include <errno.h>
#include <stdlib.h>

struct visit {
        struct find *find;
        const struct find_events *events;
        uint64_t now;
};

static void report_end(const struct find_entry *entry, const struct find_events *events)
{
        if (find_entry_is_reported(entry))
                events->ended(events->ctx, entry->pid, entry->start_time);
}

static void forget(struct find *find, struct find_entry *entry, const struct find_events *events)
{
        report_end(entry, events);
        find_table_remove(find, entry);
}

static int meet(const struct visit *visit, pid_t pid)
{
        struct nsutil_stat stat;
        int r = nsutil_stat_read(pid, &stat);

        if (r)
                return r == -ENOMEM ? r : 0; /* it has ended already */
        struct find_entry *entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        *entry = (struct find_entry){
                .pid = pid,
                .pidfd = -1,
                .start_time = stat.start_time,
                .start_stack = stat.start_stack,
                .since = find_ticks_to_ns(stat.start_time),
                .scan = visit->find->scan,
        };
        r = find_table_add(visit->find, entry);
        if (r)
                free(entry);
        else
                find_classify(visit->find, entry, visit->events, visit->now);
        return r;
}

static void become_another(const struct visit *visit, struct find_entry *entry)
{
        report_end(entry, visit->events);
        find_table_unwatch(visit->find, entry);
        entry->kind = FIND_OTHER;
        entry->since = visit->now;
        find_classify(visit->find, entry, visit->events, visit->now);
}

/* In the middle of an exec a process has a program already, but no stack yet. */
static bool is_executing(const struct find_entry *entry, const struct nsutil_stat *stat)
{
        char exe[2];

        return entry->start_stack && !stat->start_stack && nsutil_exe(entry->pid, exe, sizeof(exe)) == 0;
}

/* Remembers the stack's address. It says nothing where access to it is refused. */
static bool has_executed(struct find_entry *entry, const struct nsutil_stat *stat)
{
        uint64_t before = entry->start_stack;

        if (stat->start_stack)
                entry->start_stack = stat->start_stack;
        return before && entry->start_stack != before;
}

static int look_again(const struct visit *visit, struct find_entry *entry)
{
        struct nsutil_stat stat;
        pid_t pid = entry->pid;

        if (nsutil_stat_read(pid, &stat))
                return 0;
        if (stat.start_time != entry->start_time) {
                forget(visit->find, entry, visit->events);
                return meet(visit, pid);
        }
        if (is_executing(entry, &stat))
                return 0; /* still due at the next scan */
        if (has_executed(entry, &stat)) {
                become_another(visit, entry);
                return 0;
        }
        entry->look_at = find_next_look(pid, entry->since, visit->now);
        if (entry->kind != FIND_PYTHON && visit->now >= entry->open_at)
                find_classify(visit->find, entry, visit->events, visit->now);
        return 0;
}

static bool is_due(const struct find_entry *entry, uint64_t now)
{
        return now >= entry->look_at || (find_entry_is_reported(entry) && entry->pidfd < 0);
}

static int visit_pid(pid_t pid, void *ctx)
{
        const struct visit *visit = ctx;
        struct find_entry *entry = find_table_get(visit->find, pid);

        if (!entry)
                return meet(visit, pid);
        entry->scan = visit->find->scan;
        return is_due(entry, visit->now) ? look_again(visit, entry) : 0;
}

int find_scan(struct find *find, const struct find_events *events)
{
        struct visit visit = { .find = find, .events = events, .now = find_now() };
        struct find_entry *entry, *next;

        find->scan++;
        while ((entry = find_table_ended(find)))
                forget(find, entry, events);
        int r = nsutil_each_pid(visit_pid, &visit);
        if (r)
                return r;
        HASH_ITER(hh, find->entries, entry, next)
                if (entry->scan != find->scan)
                        forget(find, entry, events);
        return 0;
}

int find_fd(const struct find *find)
{
        return find->epoll_fd;
}

void find_recheck(struct find *find, pid_t pid)
{
        struct find_entry *entry = find_table_get(find, pid);

        if (entry)
                entry->look_at = entry->open_at = 0;
}
