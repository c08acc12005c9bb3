/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time of a family, as perf events report it. If perf events are refused, it comes from what the parents were
 * accounted for their children. These accounts lack children that nobody waits for. They include programs that are not
 * Python and that podflame did not meet.
 */
#include "follow_internal.h"
#include "kin.h"

#include "agent/base/base.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct kinship {
        struct follow *follow;
        struct kin *kin;
        struct lineage *lineage; /* NULL: perf events are refused */
        uint64_t since_ticks;    /* when it was opened, in clock ticks since boot */
        uint64_t look_ns;        /* when to call kin_look() next, CLOCK_MONOTONIC */
        bool complete;           /* all processes of the family that were there at the beginning are known */
        struct kin_sum untold;   /* time that waits for the next profile, since there was none to describe it by */
};

#define LOOK_EVERY_NS 100000000u

/* ---- clocks ------------------------------------------------------------------------------ */

static uint64_t tick_ns(void)
{
        return 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool read_own(pid_t pid, uint64_t *ret)
{
        return nsutil_cpu_ns(pid, ret) == 0;
}

static uint64_t time_ns(const struct timeval *time)
{
        return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

/*
 * Reads the CPU time of the children that a process has waited for: podflame's own in microseconds, others' in clock
 * ticks.
 */
static bool read_children(pid_t pid, uint64_t *ret)
{
        struct nsutil_stat stat;
        struct rusage usage;

        if (pid == getpid() && getrusage(RUSAGE_CHILDREN, &usage) == 0) {
                *ret = time_ns(&usage.ru_utime) + time_ns(&usage.ru_stime);
                return true;
        }
        if (nsutil_stat_read(pid, &stat) != 0)
                return false;
        *ret = stat.children_ticks * tick_ns();
        return true;
}

static const struct kin_clocks clocks = { .own = read_own, .children = read_children };

/* ---- from beginning to end --------------------------------------------------------------- */

/* Begins with podflame itself, the parent of what the starter starts, and of its orphans. */
static int listen_to_ours(struct kinship *k)
{
        struct kin_begin own = { .pid = getpid(), .adopts = true };
        unsigned threads; /* the starter has one */

        read_children(own.pid, &own.children_ns);
        kin_begin(k->kin, &own);
        return k->lineage ? lineage_add(k->lineage, k->follow->config.starter, &threads) : 0;
}

int kinship_open(struct follow *f, struct kinship **ret)
{
        struct kinship *k;
        unsigned n;
        int e = 0;

        if (!f->config.subprocesses || f->config.mode != PROFILE_MODE_CPU)
                return 0;
        k = calloc(1, sizeof *k);
        if (!k)
                return -ENOMEM;
        k->follow = f;
        k->since_ticks = clock_ns(CLOCK_BOOTTIME) / tick_ns();
        if (lineage_open(&k->lineage) != 0)
                k->lineage = NULL;
        n = k->lineage ? lineage_parts(k->lineage) : 0;
        k->kin = kin_new(n, n > 0 && sampler_adopts(f->config.sampler));
        e = k->kin ? 0 : -ENOMEM;
        if (e == 0 && f->config.starter > 0)
                e = listen_to_ours(k);
        if (e != 0) {
                kinship_close(k);
                return e;
        }
        *ret = k;
        return 0;
}

void kinship_close(struct kinship *k)
{
        if (!k)
                return;
        kin_free(k->kin);
        lineage_close(k->lineage);
        free(k);
}

/* ---- which processes there are ------------------------------------------------------------------------ */

static void hear_lineage_event(const struct lineage_event *event, void *ctx)
{
        struct kinship *k = ctx;
        struct lineage_event ours = *event;

        if (event->pid == k->follow->config.starter)
                return;
        ours.parent = follow_parent(k->follow, event->parent);
        kin_hear(k->kin, &ours);
        if (event->kind == LINEAGE_EXECUTED)
                adopted_executed(k->follow, event->pid);
}

static void hear_lineage(struct kinship *k)
{
        if (k->lineage)
                lineage_hear(k->lineage, hear_lineage_event, k);
}

static bool has_interpreters_name(pid_t pid)
{
        char exe[256];

        return nsutil_exe(pid, exe, sizeof exe) == 0 && kin_is_interpreter(exe);
}

bool kinship_has(const struct kinship *k, pid_t pid)
{
        return k && kin_knows(k->kin, pid);
}

pid_t kinship_parent(const struct kinship *k, pid_t pid)
{
        return k ? kin_parent(k->kin, pid) : 0;
}

void kinship_meet(struct kinship *k, pid_t pid, pid_t parent)
{
        struct kin_begin begin = { .pid = pid, .threads = 1 };
        struct nsutil_stat stat;

        if (!k)
                return;
        hear_lineage(k);
        if (kin_knows(k->kin, pid) || nsutil_stat_read(pid, &stat) != 0)
                return;
        begin.parent = parent > 0 ? parent : stat.ppid;
        begin.python = has_interpreters_name(pid);
        if (stat.start_time < k->since_ticks) {
                read_own(pid, &begin.own_ns);
                begin.children_ns = stat.children_ticks * tick_ns();
        }
        if (k->lineage && lineage_add(k->lineage, pid, &begin.threads) != 0 && begin.threads == 0)
                begin.threads = 1; /* it was there a moment ago: its end will show by its clock */
        kin_begin(k->kin, &begin);
}

void kinship_complete(struct kinship *k)
{
        if (!k || k->complete)
                return;
        kin_complete(k->kin, &clocks);
        k->complete = true;
}

void kinship_opened(struct kinship *k, pid_t pid)
{
        if (k)
                kin_opened(k->kin, pid, clock_ns(CLOCK_MONOTONIC));
}

void kinship_booked(struct kinship *k, pid_t pid, const struct profile *profile)
{
        if (k)
                kin_booked(k->kin, pid, profile_counters_of(profile)->accounted_ns);
}

void kinship_stopped(struct kinship *k, pid_t pid)
{
        if (k)
                kin_stopped(k->kin, pid);
}

void kinship_step(struct kinship *k)
{
        uint64_t now = clock_ns(CLOCK_MONOTONIC);

        if (!k)
                return;
        hear_lineage(k);
        if (now < k->look_ns)
                return;
        kin_look(k->kin, &clocks);
        k->look_ns = now + LOOK_EVERY_NS;
}

/* ---- their time -------------------------------------------------------------------------- */

/*
 * A thread that ends may lose its CPU between two records. What is missing is waited for, at most this often, for
 * WAIT_NS each time.
 */
#define WAITS_MAX 100
#define WAIT_NS 2000000

static void wait_for_last_events(struct kinship *k)
{
        const struct timespec moment = { .tv_nsec = WAIT_NS };

        hear_lineage(k);
        for (unsigned i = 0; i < WAITS_MAX && kin_waits(k->kin, &clocks); i++) {
                clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
                hear_lineage(k);
        }
}

/* The profile gets the attributes of @of (service, container and so on), except for those of a single process. */
static int describe_family(struct profile *profile, const struct profile *of)
{
        struct profile_settings settings = *profile_settings(of);
        const char *key, *value;
        int e = 0;

        profile_set_settings(profile, &settings);
        for (size_t i = 0; e == 0 && i < profile_attributes(of); i++) {
                profile_attribute_at(of, i, &key, &value);
                if (strncmp(key, "process.", strlen("process.")) != 0)
                        e = profile_set_attribute(profile, key, value);
        }
        return e;
}

static int add_profile(const struct kin_sum *sum, struct profile_set *set)
{
        struct profile *profile = profile_new();

        if (!profile)
                return -ENOMEM;
        profile_counters(profile)->accounted_ns = sum->unopened + sum->unseen;
        profile_counters(profile)->unopened_ns = sum->unopened;
        int e = describe_family(profile, set->items[0]);
        if (e == 0)
                e = profile_set_add(set, profile);
        if (e != 0)
                profile_free(profile);
        return e;
}

int kinship_take(struct kinship *k, bool all, struct profile_set *set, uint64_t *ret_foreign)
{
        if (!k)
                return 0;
        if (all)
                wait_for_last_events(k);
        struct kin_sum sum = kin_take(k->kin, &clocks, all);
        *ret_foreign += sum.foreign;
        sum.unopened += k->untold.unopened;
        sum.unseen += k->untold.unseen;
        k->untold = set->n == 0 ? sum : (struct kin_sum){ 0 };
        return set->n == 0 || sum.unopened + sum.unseen == 0 ? 0 : add_profile(&sum, set);
}
