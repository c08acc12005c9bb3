/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan: which processes have ended, which are new, and which have executed another program.
 *
 * There are two ways. One is a look at the whole machine: a known process costs a directory entry and a hash lookup;
 * only those that are due are read. The other is used if the kernel reports births and execs: then only young processes
 * are looked at, and all processes every few seconds, for what was not reported.
 *
 * An exec shows in the address of the stack, which the kernel chooses anew for each program (unless address space
 * randomisation is off).
 */
#include "agent/find/scan.h"
#include "agent/find/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <utlist.h>

#define NS_PER_MS UINT64_C(1000000)

/* The time between scans of all processes, without and with the kernel's reports. */
#define SCAN_NS (300 * NS_PER_MS)
#define FOLLOWED_SCAN_NS (5000 * NS_PER_MS)

/* Whether the slice of time is over, so that the caller gets its turn before another process is looked at. */
static bool is_to_be_cut(struct visit *visit)
{
        visit->cut = visit->cut || (visit->find->slice && find_now() - visit->now > visit->find->slice);
        return visit->cut;
}

static void report_end(const struct find_entry *entry, const struct find_events *events)
{
        if (find_entry_is_reported(entry))
                events->ended(events->ctx, entry->pid, entry->start_time);
}

static void forget_entry(struct find *find, struct find_entry *entry, const struct find_events *events)
{
        report_end(entry, events);
        find_known_remove(find, entry);
}

/* Reported and hopeless processes leave the list of the young: the scans of all processes are enough for them. */
static void update_young(const struct visit *visit, struct find_entry *entry)
{
        bool young = find_is_young(entry->since + visit->find->min_age, visit->now);
        bool open = entry->kind == FIND_STARTING || (entry->kind == FIND_OTHER && young);

        find_known_set_young(visit->find, entry, visit->find->watch && open);
}

struct find_entry *scan_add_empty_entry(const struct visit *visit, pid_t pid)
{
        struct find_entry *entry = calloc(1, sizeof(*entry));

        if (!entry)
                return NULL;
        *entry = (struct find_entry){ .pid = pid, .pidfd = -1, .since = visit->now, .scan = visit->find->scan };
        if (find_known_add(visit->find, entry) == 0)
                return entry;
        free(entry);
        return NULL;
}

static void identify_entry(struct find_entry *entry, const struct nsutil_stat *stat)
{
        entry->start_time = stat->start_time;
        entry->start_stack = stat->start_stack;
}

struct find_entry *scan_add_entry(const struct visit *visit, pid_t pid, struct find_birth *ret_birth, int *ret)
{
        struct nsutil_stat stat;
        int r = nsutil_stat_read(pid, &stat);

        *ret = r == -ENOMEM ? r : 0;
        if (r)
                return NULL;
        struct find_entry *entry = scan_add_empty_entry(visit, pid);
        if (!entry) {
                *ret = -ENOMEM;
                return NULL;
        }
        identify_entry(entry, &stat);
        entry->since = find_ticks_to_ns(stat.start_time);
        *ret = 0;
        *ret_birth = (struct find_birth){ .pid = pid, .parent = stat.ppid, .session = stat.session };
        return entry;
}

void scan_tell_birth(const struct visit *visit, const struct find_birth *birth)
{
        if (visit->events->appeared)
                visit->events->appeared(visit->events->ctx, birth);
}

static int meet_process(const struct visit *visit, pid_t pid)
{
        struct find_birth birth;
        int r;
        struct find_entry *entry = scan_add_entry(visit, pid, &birth, &r);

        if (entry) {
                scan_tell_birth(visit, &birth);
                find_classify(visit->find, entry, visit->events, visit->now);
                update_young(visit, entry);
        }
        return r;
}

static void reset_executed_entry(const struct visit *visit, struct find_entry *entry)
{
        report_end(entry, visit->events);
        find_known_unwatch(visit->find, entry);
        entry->kind = FIND_OTHER;
        entry->since = visit->now;
        find_classify(visit->find, entry, visit->events, visit->now);
}

/*
 * Whether a process is in the middle of an exec: then it has a program already, but no stack yet. At the first look no
 * stack may also mean that access is refused.
 */
static bool is_executing(const struct find_entry *entry, const struct nsutil_stat *stat)
{
        bool may = entry->start_time == 0 || entry->start_stack;
        char exe[2];

        return may && !stat->start_stack && nsutil_exe(entry->pid, exe, sizeof(exe)) == 0;
}

/*
 * Whether the process has executed a program since the last look. Remembers the stack's address. If access is refused,
 * the address is 0 and says nothing.
 */
static bool has_executed(struct find_entry *entry, const struct nsutil_stat *stat)
{
        uint64_t before = entry->start_stack;

        if (stat->start_stack)
                entry->start_stack = stat->start_stack;
        return before && entry->start_stack != before;
}

/*
 * New rules, or labels that come late, may change the decision about a reported process. Then it is treated as if it was
 * met for the first time. Whether that is so.
 */
static bool readmit_changed(const struct visit *visit, struct find_entry *entry, const struct find_process *process)
{
        if (process->selected == entry->selected && process->python_only == entry->python_only)
                return false;
        report_end(entry, visit->events);
        find_known_unwatch(visit->find, entry);
        entry->kind = FIND_OTHER;
        entry->open_at = 0;
        return true;
}

/* Identifies a reported process again, and reports its names; or readmits it if the decision about it has changed. */
static void identify_again(const struct visit *visit, struct find_entry *entry)
{
        struct find_process process;

        if (find_identify(visit->find, entry->pid, &process) || process.start_time != entry->start_time)
                return;
        entry->rules = visit->find->rules_generation;
        find_entry_note_names(visit->find, entry, &process, visit->now);
        if (!readmit_changed(visit, entry, &process) && visit->events->named)
                visit->events->named(visit->events->ctx, &process);
}

static void apply_new_rules(const struct visit *visit, struct find_entry *entry)
{
        if (find_entry_is_reported(entry) && entry->rules != visit->find->rules_generation)
                identify_again(visit, entry);
}

/*
 * Whether another process of the container has just asked, and has learnt nothing that this one was not told. A container
 * has many processes, and asking opens dozens of files.
 */
static bool is_asked_in_vain(const struct find *find, const struct find_entry *entry)
{
        struct nsutil_place place;

        return entry->names_sum && nsutil_place(entry->pid, &place) == 0 &&
               find_names_sum(find, place.container_id) == entry->names_sum;
}

/* Asks again for names that were not known when the process was reported. */
static void complete_names(const struct visit *visit, struct find_entry *entry)
{
        if (!find_entry_is_reported(entry) || !entry->name_at || visit->now < entry->name_at || !visit->events->named)
                return;
        if (is_asked_in_vain(visit->find, entry))
                find_entry_set_name_at(entry, true, visit->now);
        else
                identify_again(visit, entry);
}

static void look_at_entry(const struct visit *visit, struct find_entry *entry, const struct nsutil_stat *stat)
{
        bool executing = is_executing(entry, stat);

        if (entry->start_time == 0)
                identify_entry(entry, stat);
        if (executing) {
                entry->look_at = visit->now + FIND_FIRST_LOOK_NS;
                return;
        }
        if (has_executed(entry, stat)) {
                reset_executed_entry(visit, entry);
        } else {
                entry->look_at = find_next_look(entry->pid, entry->since, visit->now);
                apply_new_rules(visit, entry);
                complete_names(visit, entry);
                if (entry->kind != FIND_PYTHON && visit->now >= entry->open_at)
                        find_classify(visit->find, entry, visit->events, visit->now);
        }
        update_young(visit, entry);
}

/*
 * Looks at a process that the kernel has reported, without asking which process it is: if the files of whoever has this
 * PID make no process a Python, that does not matter.
 */
static bool is_settled_by_files(const struct visit *visit, struct find_entry *entry)
{
        if (!entry->is_young || visit->events->wanted || !find_classify_by_files(visit->find, entry, visit->now))
                return false;
        update_young(visit, entry);
        return true;
}

static int reread_and_look_at_entry(const struct visit *visit, struct find_entry *entry)
{
        struct nsutil_stat stat;
        pid_t pid = entry->pid;

        if (is_settled_by_files(visit, entry))
                return 0;
        int r = nsutil_stat_read(pid, &stat);

        if (r == NSUTIL_E_GONE) {
                forget_entry(visit->find, entry, visit->events);
                return 0;
        }
        if (r) {
                entry->look_at = visit->now + FIND_FIRST_LOOK_NS;
                return 0;
        }
        if (entry->start_time != 0 && stat.start_time != entry->start_time) {
                forget_entry(visit->find, entry, visit->events);
                return meet_process(visit, pid);
        }
        look_at_entry(visit, entry, &stat);
        return 0;
}

/* ---- all processes ----------------------------------------------------------- */

static bool is_due(const struct find_entry *entry, uint64_t now)
{
        return now >= entry->look_at || (entry->name_at && now >= entry->name_at) ||
               (find_entry_is_reported(entry) && entry->pidfd < 0);
}

static int visit_process(pid_t pid, void *ctx)
{
        struct visit *visit = ctx;
        struct find_entry *entry = find_known_get(visit->find, pid);

        if (entry)
                entry->scan = visit->find->scan;
        if ((entry && !is_due(entry, visit->now)) || is_to_be_cut(visit))
                return 0;
        return entry ? reread_and_look_at_entry(visit, entry) : meet_process(visit, pid);
}

static int visit_all_processes(struct visit *visit)
{
        struct find *find = visit->find;
        struct find_entry *entry, *next;

        find->scan++;
        find->full_at = visit->now + (find->watch ? FOLLOWED_SCAN_NS : SCAN_NS);
        int r = nsutil_each_pid(visit_process, visit);
        if (r)
                return r;
        HASH_ITER(hh, find->entries, entry, next)
                if (entry->scan != find->scan)
                        forget_entry(find, entry, visit->events);
        if (visit->cut)
                find->full_at = 0;
        return 0;
}

/* ---- the young ------------------------------------------------------------- */

static int visit_young_processes(struct visit *visit)
{
        struct find_entry *entry, *next;
        int r = 0;

        DL_FOREACH_SAFE(visit->find->young, entry, next)
        {
                if (visit->now >= entry->look_at && !r && !is_to_be_cut(visit))
                        r = reread_and_look_at_entry(visit, entry);
        }
        return r;
}

int find_scan(struct find *find, const struct find_events *events)
{
        struct visit visit = { .find = find, .events = events, .now = find_now() };
        struct find_entry *entry;
        int r = 0;

        while ((entry = find_known_ended(find)))
                forget_entry(find, entry, events);
        if (find->watch)
                r = scan_listen(&visit);
        if (r)
                return r;
        return !find->watch || visit.now >= find->full_at ? visit_all_processes(&visit) : visit_young_processes(&visit);
}

/* ---- public functions -------------------------------------------------------- */

int find_fd(const struct find *find)
{
        return find->fd;
}

bool find_follows(const struct find *find)
{
        return find->watch != NULL;
}

int find_timeout_ms(const struct find *find)
{
        uint64_t now = find_now(), at = find->full_at;
        const struct find_entry *entry;

        if (find->muted_until && find->muted_until < at)
                at = find->muted_until;
        DL_FOREACH(find->young, entry) {
                uint64_t look_at = entry->look_at + (entry->is_other_program ? FIND_PROGRAMS_SLACK_NS : 0);

                if (look_at < at)
                        at = look_at;
        }
        return at > now ? (int)((at - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

void find_set_rules(struct find *find, const struct find_rules *rules)
{
        struct find_entry *entry, *next;

        find->rules = rules;
        find->rules_generation++;
        find->full_at = 0;
        HASH_ITER(hh, find->entries, entry, next)
                entry->look_at = entry->open_at = 0;
}
