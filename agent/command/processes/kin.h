/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_KIN_H
#define PROCESSES_KIN_H

/*
 * The CPU time of a family's processes, those included that end before anybody has opened
 * them. It is told what happens (sample's lineage, follow), in any order that the CPUs
 * of a machine may tell it, and says what is in no profile.
 */

#include "agent/sample/sample.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kin;
struct kin_clocks;

/*
 * @parts: of lineage_parts(); 0: nothing is told by the kernel. @adopts: ticks that meet a copy of a process that is
 * sampled open it, so that its time is met like that of others (see sampler_adopted()). NULL: out of memory.
 */
struct kin *kin_new(unsigned parts, bool adopts);
void kin_free(struct kin *kin); /* accepts NULL */

/* What the kernel tells. */
void kin_hear(struct kin *kin, const struct lineage_event *event);

/* Whether a file is an interpreter's, by its name. */
bool kin_is_interpreter(const char *file);

bool kin_knows(const struct kin *kin, pid_t pid);
pid_t kin_parent(const struct kin *kin, pid_t pid); /* who has forked it; 0: not known */

/* A process that is there already, or whose birth the kernel does not tell. */
struct kin_begin {
        pid_t pid, parent; /* parent 0: none of the family */
        unsigned threads;
        uint64_t own_ns;      /* what it has used before anything was recorded, */
        uint64_t children_ns; /* and the children that it has waited for */
        bool python;
        bool adopts; /* it becomes the parent of orphans, and is none of the family itself */
};
void kin_begin(struct kin *kin, const struct kin_begin *begin);

/* All that were there already have been begun: what parents were accounted for others up to now is not to be found. */
void kin_complete(struct kin *kin, const struct kin_clocks *clocks);

/* It is sampled from @at on (CLOCK_MONOTONIC), so it is Python. */
void kin_opened(struct kin *kin, pid_t pid, uint64_t at);

/* So much more of its time is in a profile's books. */
void kin_booked(struct kin *kin, pid_t pid, uint64_t ns);

/* It is sampled no more: its program is replaced, or it has ended. */
void kin_stopped(struct kin *kin, pid_t pid);

/* Time that is in no profile, in ns. */
struct kin_sum {
        uint64_t unopened; /* of Python processes that ended before they were opened */
        uint64_t unseen;   /* of those that were opened, after the last look; or that any tick would have opened */
        uint64_t foreign;  /* of programs that are not Python */
};

/*
 * To be called now and then: forgets those that have ended, but for what they have used. Where the kernel tells
 * nothing, looks at the clocks of those that live and are not sampled.
 */
void kin_look(struct kin *kin, const struct kin_clocks *clocks);

/* How the clocks of a living process are read. False: it is gone. */
struct kin_clocks {
        bool (*own)(pid_t pid, uint64_t *ret_ns);
        bool (*children)(pid_t pid, uint64_t *ret_ns); /* that it has waited for, with theirs */
};

/*
 * What has been found since the last time. What parents were accounted for their
 * children beyond what is known of these is what the end of a process takes, and if the
 * kernel tells nothing else, all that was not opened. @all: of those that live, too.
 */
struct kin_sum kin_take(struct kin *kin, const struct kin_clocks *clocks, bool all);

/* Whether anybody has ended of whom not everything is told yet. */
bool kin_waits(struct kin *kin, const struct kin_clocks *clocks);

#endif
