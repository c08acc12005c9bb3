/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's records say what CPU time each thread has used, except for its last moments, in which its memory is
 * taken down. A parent's account for the children that it has waited for includes these moments. But the account is one
 * sum, in units of 10 ms, and lacks children that were not waited for.
 *
 * So the records say which process used the time, and the accounts say how much time it was. What is known of the
 * children that a living parent has waited for (below_ns) is compared with its account. The difference is divided
 * equally among all processes that have ended.
 *
 * A program that was never opened counts as Python if it has mapped a file with an interpreter's name.
 */
#include "kin.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct relative {
        pid_t pid, parent;
        int threads;        /* that live; negative if an end is reported before its birth */
        unsigned due;       /* records of used time that are still to come, for ends that were reported */
        uint64_t used_ns;   /* CPU time of its own, since it was begun */
        uint64_t booked_ns; /* the part of it that is in a profile's books */
        uint64_t below_ns;  /* known time of the children that it has waited for */
        uint64_t own_from_ns, children_from_ns; /* the kernel's accounts when the process was begun */
        /* when it last executed a program (0: not since its birth), and when it was seen to be Python (0: never) */
        uint64_t executed_at, python_at;
        unsigned missed; /* how often its clock could not be read */
        bool is_copy;    /* of a process that was sampled when this one was born */
        bool was_python; /* at its birth, as far as is known: its parent was Python */
        bool sampled;    /* now */
        bool opened;     /* it was sampled at some time */
        bool adopts;
        UT_hash_handle hh;
};

struct kin {
        struct relative *items;
        unsigned parts;
        bool adopts;
        pid_t adopter;                                        /* 0: none */
        bool incomplete;                                      /* the kernel has lost records */
        uint64_t ended_opened, ended_unopened, ended_foreign; /* numbers of processes */
        struct kin_sum sum;                                   /* found since the last kin_take() */
        /* what kin_take() has returned so far of parents' accounts beyond what is known of their children */
        uint64_t excess_told;
};

struct kin *kin_new(unsigned parts, bool adopts)
{
        struct kin *kin = calloc(1, sizeof *kin);

        if (!kin)
                return NULL;
        kin->parts = parts;
        kin->adopts = adopts;
        return kin;
}

static void forget_relative(struct kin *kin, struct relative *item)
{
        HASH_DEL(kin->items, item);
        free(item);
}

void kin_free(struct kin *kin)
{
        struct relative *item, *next;

        if (!kin)
                return;
        HASH_ITER(hh, kin->items, item, next)
                forget_relative(kin, item);
        free(kin);
}

static struct relative *get_relative(const struct kin *kin, pid_t pid)
{
        struct relative *item;

        HASH_FIND_INT(kin->items, &pid, item);
        return item;
}

/* NULL: out of memory. */
static struct relative *get_or_add_relative(struct kin *kin, pid_t pid)
{
        struct relative *item = get_relative(kin, pid);

        if (item || !(item = calloc(1, sizeof *item)))
                return item;
        item->pid = pid;
        item->was_python = true;
        HASH_ADD_INT(kin->items, pid, item);
        if (item->hh.tbl)
                return item;
        free(item);
        return NULL;
}

bool kin_knows(const struct kin *kin, pid_t pid)
{
        return get_relative(kin, pid) != NULL;
}

pid_t kin_parent(const struct kin *kin, pid_t pid)
{
        const struct relative *item = get_relative(kin, pid);

        return item ? item->parent : 0;
}

static bool is_python(const struct relative *item)
{
        return item->python_at > item->executed_at || (item->executed_at == 0 && item->was_python);
}

/* Whether it was sampled, or would have been if a tick had met it. */
static bool was_within_reach(const struct relative *item)
{
        return item->opened || (item->is_copy && item->executed_at == 0);
}

/* ---- ends ------------------------------------------------------------------------------ */

/*
 * Finds the process that waits for one that has ended: its parent if that lives, otherwise the process that adopts
 * orphans.
 */
static struct relative *waiting_parent_of(const struct kin *kin, const struct relative *item)
{
        struct relative *parent = item->parent > 0 ? get_relative(kin, item->parent) : NULL;

        return parent && parent->threads > 0                   ? parent
               : kin->adopter > 0 && kin->adopter != item->pid ? get_relative(kin, kin->adopter)
                                                               : NULL;
}

static void book_ended_relative(struct kin *kin, struct relative *item)
{
        uint64_t rest = item->used_ns > item->booked_ns ? item->used_ns - item->booked_ns : 0;
        struct relative *parent = waiting_parent_of(kin, item);

        if (!is_python(item)) {
                kin->sum.foreign += rest;
                kin->ended_foreign++;
        } else if (was_within_reach(item)) {
                kin->sum.unseen += rest;
                kin->ended_opened++;
        } else {
                kin->sum.unopened += rest;
                kin->ended_unopened++;
        }
        if (parent)
                parent->below_ns += item->booked_ns + rest + item->below_ns + item->own_from_ns +
                                    item->children_from_ns;
        forget_relative(kin, item);
}

/* ---- what is reported ------------------------------------------------------------------------ */

static const char *basename_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

bool kin_is_interpreter(const char *file)
{
        const char *name = basename_of(file);

        return strncmp(name, "python", strlen("python")) == 0 || strncmp(name, "libpython", strlen("libpython")) == 0;
}

static void note_birth(struct kin *kin, struct relative *item, const struct lineage_event *event)
{
        const struct relative *parent = get_relative(kin, event->parent);

        item->parent = event->parent;
        item->threads++;
        item->was_python = !parent || is_python(parent);
        item->is_copy = kin->adopts && parent && (parent->sampled || (parent->is_copy && parent->executed_at == 0));
}

void kin_hear(struct kin *kin, const struct lineage_event *event)
{
        struct relative *item = event->pid > 0 ? get_or_add_relative(kin, event->pid) : NULL;

        kin->incomplete |= event->kind == LINEAGE_LOST;
        if (!item)
                return;
        switch (event->kind) {
        case LINEAGE_BORN:
                note_birth(kin, item, event);
                break;
        case LINEAGE_THREAD:
                item->threads++;
                break;
        case LINEAGE_EXECUTED:
                item->executed_at = event->at > item->executed_at ? event->at : item->executed_at;
                break;
        case LINEAGE_MAPPED:
                if (kin_is_interpreter(event->file) && event->at > item->python_at)
                        item->python_at = event->at;
                break;
        case LINEAGE_ENDED:
                item->threads--;
                item->due += kin->parts;
                break;
        case LINEAGE_USED:
                item->due--;
                item->used_ns += event->ns;
                break;
        case LINEAGE_LOST:
                break;
        }
}

void kin_begin(struct kin *kin, const struct kin_begin *begin)
{
        struct relative *item = get_or_add_relative(kin, begin->pid);

        if (!item)
                return;
        item->parent = begin->parent;
        item->threads += (int)begin->threads;
        item->own_from_ns = begin->own_ns;
        item->children_from_ns = begin->children_ns;
        item->was_python = begin->python;
        item->adopts = begin->adopts;
        if (begin->adopts)
                kin->adopter = begin->pid;
}

void kin_complete(struct kin *kin, const struct kin_clocks *clocks)
{
        uint64_t now;

        for (struct relative *item = kin->items; item; item = item->hh.next)
                if (clocks->children(item->pid, &now) && now > item->below_ns)
                        item->children_from_ns = now - item->below_ns;
}

void kin_opened(struct kin *kin, pid_t pid, uint64_t at)
{
        struct relative *item = get_relative(kin, pid);

        if (!item)
                return;
        item->opened = item->sampled = true;
        if (at > item->python_at)
                item->python_at = at;
}

void kin_booked(struct kin *kin, pid_t pid, uint64_t ns)
{
        struct relative *item = get_relative(kin, pid);

        if (item)
                item->booked_ns += ns;
}

void kin_stopped(struct kin *kin, pid_t pid)
{
        struct relative *item = get_relative(kin, pid);

        if (item)
                item->sampled = false;
}

/* ---- what is found ----------------------------------------------------------------------- */

/*
 * The kernel does not report the end of a process that ended before the kernel was asked. After its clock was not
 * readable this many times, it counts as ended.
 */
#define MISSED_MAX 25

static bool is_clock_gone(struct relative *item, const struct kin_clocks *clocks)
{
        uint64_t ns;

        if (clocks->own(item->pid, &ns))
                return false;
        item->missed++;
        return true;
}

static bool has_ended(const struct kin *kin, struct relative *item, const struct kin_clocks *clocks)
{
        if (item->adopts || item->sampled)
                return false;
        if (kin->parts > 0 && item->threads <= 0 && item->due == 0)
                return true;
        return is_clock_gone(item, clocks) && (kin->parts == 0 || kin->incomplete || item->missed > MISSED_MAX);
}

static void book_ended_relatives(struct kin *kin, const struct kin_clocks *clocks)
{
        struct relative *item, *next;

        HASH_ITER(hh, kin->items, item, next)
                if (has_ended(kin, item, clocks))
                        book_ended_relative(kin, item);
}

void kin_look(struct kin *kin, const struct kin_clocks *clocks)
{
        uint64_t now;

        for (struct relative *item = kin->items; kin->parts == 0 && item; item = item->hh.next)
                if (!item->adopts && !item->sampled && clocks->own(item->pid, &now) && now > item->own_from_ns)
                        item->used_ns = now - item->own_from_ns;
        book_ended_relatives(kin, clocks);
}

/*
 * Whether its end was reported. The record of what it has used may still be missing. Children that end after it are not
 * in its account.
 */
static bool is_end_told(const struct kin *kin, const struct relative *item)
{
        return kin->parts > 0 && !item->adopts && item->threads <= 0;
}

/* What living parents were accounted for their children, beyond what is known of these. */
static uint64_t unexplained_children_ns(const struct kin *kin, const struct kin_clocks *clocks)
{
        uint64_t sum = 0, now;

        for (const struct relative *item = kin->items; item; item = item->hh.next)
                if (!is_end_told(kin, item) && clocks->children(item->pid, &now) &&
                    now > item->children_from_ns + item->below_ns)
                        sum += now - item->children_from_ns - item->below_ns;
        return sum;
}

static void divide_unexplained_ns(struct kin *kin, uint64_t ns)
{
        uint64_t n = kin->ended_opened + kin->ended_unopened + kin->ended_foreign;

        if (kin->parts == 0 || kin->incomplete || n == 0) {
                kin->sum.unopened += ns;
                return;
        }
        uint64_t unopened = ns / n * kin->ended_unopened, foreign = ns / n * kin->ended_foreign;
        kin->sum.unopened += unopened;
        kin->sum.foreign += foreign;
        kin->sum.unseen += ns - unopened - foreign;
}

/* Adds the time of living processes that were not opened. */
static void add_living_unopened(struct kin *kin, const struct kin_clocks *clocks)
{
        uint64_t now;

        for (struct relative *item = kin->items; item; item = item->hh.next) {
                uint64_t known = item->own_from_ns + item->booked_ns;
                if (item->opened || item->adopts || !clocks->own(item->pid, &now) || now < known)
                        continue;
                uint64_t *sum = !is_python(item)         ? &kin->sum.foreign
                                : was_within_reach(item) ? &kin->sum.unseen
                                                         : &kin->sum.unopened;
                *sum += now - known;
                item->booked_ns += now - known;
        }
}

struct kin_sum kin_take(struct kin *kin, const struct kin_clocks *clocks, bool all)
{
        book_ended_relatives(kin, clocks);
        uint64_t beyond = unexplained_children_ns(kin, clocks);

        if (beyond > kin->excess_told) {
                divide_unexplained_ns(kin, beyond - kin->excess_told);
                kin->excess_told = beyond;
        }
        if (all)
                add_living_unopened(kin, clocks);
        struct kin_sum sum = kin->sum;
        kin->sum = (struct kin_sum){ 0 };
        return sum;
}

bool kin_waits(struct kin *kin, const struct kin_clocks *clocks)
{
        uint64_t ns;

        book_ended_relatives(kin, clocks);
        for (const struct relative *item = kin->items; item; item = item->hh.next)
                if (!item->adopts && kin->parts > 0 && (item->threads <= 0 || !clocks->own(item->pid, &ns)))
                        return true;
        return false;
}
