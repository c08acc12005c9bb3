/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel reports of processes, before anything is read of them. */
#include "agent/find/identity/claims.h"
#include "agent/find/internal.h"
#include "agent/find/programs.h"
#include "agent/find/scan.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

struct hearing {
        const struct visit *visit;
        bool urgent; /* a process may have become a Python */
        int r;
};

/* Children of a process that is no Python are no Python until they execute one. */
static bool is_child_of_other(const struct visit *visit, pid_t parent)
{
        const struct find_entry *entry = find_known_get(visit->find, parent);

        return entry && (entry->is_other_program || entry->is_no_python);
}

/*
 * When to look first. A reported process is looked at now, since it may not be the same program any more. Other
 * processes are looked at a little later: a new process most often executes a program, and a process that has executed
 * one has nothing in its memory yet. What was reported while the watch was muted for long has happened some time ago.
 */
static void set_first_look(const struct visit *visit, struct find_entry *entry)
{
        const struct find *find = visit->find;
        uint64_t delay = find->muted_for > find->first_look ? 0 : find->first_look;

        if (entry->is_other_program)
                delay = FIND_PROGRAMS_LOOK_NS;
        entry->look_at = visit->now + (find_entry_is_reported(entry) ? 0 : delay);
        if (!find_entry_is_reported(entry))
                entry->open_at = entry->look_at;
}

static void note_birth(const struct visit *visit, struct find_entry *entry, const struct find_birth *birth)
{
        entry->born_at = birth->at;
        entry->threaded = false;
        entry->is_other_program = is_child_of_other(visit, birth->parent);
}

static void note_exec(const struct visit *visit, struct find_entry *entry, const struct find_news *news)
{
        find_claims_forget(entry);
        memcpy(entry->program, news->name, sizeof(entry->program));
        entry->threaded = entry->is_no_python = false;
        entry->is_other_program = find_programs_is_other(visit->find->programs, entry->program);
}

/* Gets a birth or an exec. */
static void hear_news(struct hearing *hearing, struct find_entry *entry, const struct find_news *news)
{
        const struct visit *visit = hearing->visit;
        bool birth = news->kind == FIND_NEWS_BIRTH;
        struct find_birth met;

        if (birth)
                scan_tell_birth(visit, &news->birth);
        if (!entry && birth) {
                entry = scan_add_empty_entry(visit, news->birth.pid);
                if (!entry)
                        hearing->r = -ENOMEM;
        } else if (!entry) {
                int r;

                entry = scan_add_entry(visit, news->birth.pid, &met, &r);
                if (r)
                        hearing->r = r;
                if (entry)
                        scan_tell_birth(visit, &met); /* its birth was not reported */
        }
        if (!entry)
                return;
        entry->since = find_entry_is_reported(entry) ? entry->since : visit->now;
        if (birth)
                note_birth(visit, entry, &news->birth);
        else
                note_exec(visit, entry, news);
        hearing->urgent |= !entry->is_other_program;
        set_first_look(visit, entry);
        find_known_set_young(visit->find, entry, true);
}

/*
 * Forgets a process that has ended before it was of interest. Where it had threads, others may live on. A report may be
 * of an earlier process of the same PID: reports of different CPUs come in any order.
 */
static void hear_end(struct find *find, struct find_entry *entry, const struct find_birth *end)
{
        if (find_entry_is_reported(entry) || entry->threaded || entry->born_at == 0 || end->at < entry->born_at)
                return;
        find_known_remove(find, entry);
}

static void hear_report(const struct find_news *news, void *ctx)
{
        struct hearing *hearing = ctx;
        struct find *find = hearing->visit->find;
        struct find_entry *entry = find_known_get(find, news->birth.pid);

        if (news->kind == FIND_NEWS_BIRTH || news->kind == FIND_NEWS_EXEC)
                hear_news(hearing, entry, news);
        else if (entry && news->kind == FIND_NEWS_END)
                hear_end(find, entry, &news->birth);
        else if (entry)
                entry->threaded = true;
}

/*
 * Mutes the watch after it has woken podflame up. The kernel reports new threads, too. A machine that starts thousands
 * of them a second wakes podflame up no more often than first looks are due; while reports keep coming, half as often;
 * while all of them are of programs that are no Python as a rule, a quarter as often. While the watch is muted, the
 * time-out makes the caller come back.
 */
static void mute_watch(struct find *find, bool muted, bool urgent, uint64_t now)
{
        struct epoll_event event = { .events = muted ? 0 : EPOLLIN };
        bool was_muted = find->muted_until != 0;

        find->muted_for = !muted ? 0 : find->first_look * (!was_muted ? 1 : urgent ? 2 : 4);
        find->muted_until = muted ? now + find->muted_for : 0;
        if (muted != was_muted)
                epoll_ctl(find->fd, EPOLL_CTL_MOD, find_watch_fd(find->watch), &event);
}

int scan_listen(const struct visit *visit)
{
        struct hearing hearing = { .visit = visit };
        bool lost = false;
        size_t n = find_watch_hear(visit->find->watch, hear_report, &hearing, &lost);

        if (lost)
                visit->find->full_at = 0;
        if (n > 0 || visit->now >= visit->find->muted_until)
                mute_watch(visit->find, n > 0, hearing.urgent, visit->now);
        return hearing.r;
}
