/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID and start time identify a process. A process that ended before it was looked at has no start time: it only links
 * its children to the family.
 *
 * The kernel reports births one CPU after the other, so the birth of a child may come before that of its parent. Births
 * are therefore handled in the order of time, and those that do not lead to the family are kept until the next scan.
 *
 * If the kernel does not report births, find reports processes that it meets by looking. Such a birth has no time, and
 * its parent is the present one. A daemon's present parent is init, once its first parent has ended. The daemon is
 * still recognised by its session, if the process that began the session was seen. No other process can begin a session
 * of that PID or join it, and no process gets the PID of a session that has a process.
 *
 * Present parents are identified by start time as well, and no child is older than its parent. So a PID that now
 * belongs to another process leads nowhere.
 */
#include "family.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

/* The most generations from a process up to a member of the family. A longer line is the work of a fork bomb. */
#define GENERATIONS_MAX 256

/* Once there are more members than this, those that have ended are forgotten. */
#define MEMBERS_MIN 4096

struct member {
        pid_t pid;
        uint64_t start_time; /* 0: it ended before it was looked at */
        UT_hash_handle hh;
};

struct heard {
        struct find_birth birth;
        size_t order; /* among births of the same time */
        bool old;     /* it was heard before the last scan */
};

struct family {
        struct member *members;
        size_t members_max;
        struct heard *heard;
        size_t n_heard, cap_heard;
        bool fresh; /* there are births that were not resolved yet */
};

struct family *family_new(void)
{
        struct family *f = calloc(1, sizeof *f);

        if (f)
                f->members_max = MEMBERS_MIN;
        return f;
}

static void forget_member(struct family *f, struct member *member)
{
        HASH_DEL(f->members, member);
        free(member);
}

void family_free(struct family *f)
{
        struct member *member, *next;

        if (!f)
                return;
        HASH_ITER(hh, f->members, member, next)
                forget_member(f, member);
        free(f->heard);
        free(f);
}

/* ---- members --------------------------------------------------------------------------- */

static struct member *get_member(const struct family *f, pid_t pid)
{
        struct member *member;

        HASH_FIND_INT(f->members, &pid, member);
        return member;
}

int family_add(struct family *f, pid_t pid, uint64_t start_time)
{
        struct member *member = get_member(f, pid);

        if (!member) {
                member = calloc(1, sizeof *member);
                if (!member)
                        return -ENOMEM;
                member->pid = pid;
                HASH_ADD_INT(f->members, pid, member);
                if (!member->hh.tbl) {
                        free(member);
                        return -ENOMEM;
                }
        }
        member->start_time = start_time;
        return 0;
}

static bool is_alive(const struct member *member)
{
        struct nsutil_stat stat;

        if (member->start_time == 0 || nsutil_stat_read(member->pid, &stat) != 0)
                return false;
        /* A process whose main thread has ended lives as long as it has others. */
        return stat.start_time == member->start_time && (!strchr("ZX", stat.state) || stat.threads > 1);
}

static void forget_ended(struct family *f)
{
        struct member *member, *next;

        if (HASH_COUNT(f->members) <= f->members_max)
                return;
        HASH_ITER(hh, f->members, member, next)
                if (!is_alive(member))
                        forget_member(f, member);
        f->members_max = 2 * HASH_COUNT(f->members) > MEMBERS_MIN ? 2 * HASH_COUNT(f->members) : MEMBERS_MIN;
}

bool family_lives(const struct family *f)
{
        for (const struct member *member = f->members; member; member = member->hh.next)
                if (member->pid != getpid() && is_alive(member))
                        return true;
        return false;
}

/* ---- births ---------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
        const struct heard *left = a, *right = b;

        if (left->birth.at != right->birth.at)
                return left->birth.at > right->birth.at ? 1 : -1;
        return (left->order > right->order) - (left->order < right->order);
}

static bool is_born_here(const struct family *f, const struct find_birth *birth)
{
        return get_member(f, birth->parent) ||
               (birth->session > 0 && birth->session != birth->pid && get_member(f, birth->session));
}

/*
 * Adds the child to the family if it was born into it, and returns whether it was. If another process has got the PID
 * of a member, the member is forgotten.
 */
static bool resolve_birth(struct family *f, const struct find_birth *birth)
{
        struct member *namesake = get_member(f, birth->pid);
        struct nsutil_stat stat = { 0 };
        bool here = is_born_here(f, birth), there = (here || namesake) && nsutil_stat_read(birth->pid, &stat) == 0;

        if (here)
                return family_add(f, birth->pid, stat.start_time) == 0;
        if (there && namesake->start_time != stat.start_time)
                forget_member(f, namesake);
        return false;
}

int family_hear(struct family *f, const struct find_birth *birth)
{
        if (birth->at == 0) {
                resolve_birth(f, birth);
                return 0;
        }
        if (f->n_heard == f->cap_heard) {
                size_t cap = f->cap_heard ? 2 * f->cap_heard : 64;
                struct heard *heard = reallocarray(f->heard, cap, sizeof *heard);
                if (!heard)
                        return -ENOMEM;
                f->heard = heard;
                f->cap_heard = cap;
        }
        f->heard[f->n_heard] = (struct heard){ .birth = *birth, .order = f->n_heard };
        f->n_heard++;
        f->fresh = true;
        return 0;
}

/* Resolves all births that were heard, and keeps those that do not lead to the family yet. */
static void resolve_heard_births(struct family *f)
{
        size_t kept = 0;

        if (!f->fresh)
                return;
        qsort(f->heard, f->n_heard, sizeof *f->heard, by_time);
        for (size_t i = 0; i < f->n_heard; i++)
                if (!resolve_birth(f, &f->heard[i].birth))
                        f->heard[kept++] = f->heard[i];
        f->n_heard = kept;
        f->fresh = false;
}

void family_settle(struct family *f)
{
        size_t kept = 0;

        resolve_heard_births(f);
        for (size_t i = 0; i < f->n_heard; i++)
                if (!f->heard[i].old) {
                        f->heard[kept] = f->heard[i];
                        f->heard[kept].order = kept;
                        f->heard[kept++].old = true;
                }
        f->n_heard = kept;
        forget_ended(f);
}

/* ---- questions ------------------------------------------------------------------------- */

static bool is_member(const struct family *f, const struct nsutil_stat *stat)
{
        const struct member *member = get_member(f, stat->pid);

        return member && member->start_time == stat->start_time;
}

/*
 * Whether a member of the family began the process's session. If another process has the PID of that member by now,
 * this is another session.
 */
static bool is_in_session(const struct family *f, const struct nsutil_stat *stat)
{
        const struct member *leader = stat->session != stat->pid ? get_member(f, stat->session) : NULL;
        struct nsutil_stat now;

        return leader && (nsutil_stat_read(leader->pid, &now) != 0 || now.start_time == leader->start_time);
}

static bool is_descendant(const struct family *f, struct nsutil_stat child)
{
        struct nsutil_stat parent;

        for (unsigned i = 0; i < GENERATIONS_MAX; i++) {
                if (is_member(f, &child) || is_in_session(f, &child))
                        return true;
                if (child.ppid <= 0 || nsutil_stat_read(child.ppid, &parent) != 0 ||
                    parent.start_time > child.start_time)
                        return false;
                child = parent;
        }
        return false;
}

bool family_has(struct family *f, pid_t pid, uint64_t start_time)
{
        struct nsutil_stat stat;

        resolve_heard_births(f);
        if (nsutil_stat_read(pid, &stat) != 0 || stat.start_time != start_time || !is_descendant(f, stat))
                return false;
        family_add(f, pid, start_time); /* without memory it is not added, and is asked for again */
        return true;
}
