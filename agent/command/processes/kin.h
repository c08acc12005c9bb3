/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_KIN_H
#define PROCESSES_KIN_H

/*
 * Keeps account of the CPU time of a family, including processes that end before they are opened. lineage
 * (agent/sample) and follow report what happens, in any order in which the CPUs of a machine may report it. kin says
 * which time is in no profile.
 */

#include "agent/sample/sample.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kin;
struct kin_clocks;

/*
 * @parts is what lineage_parts() returns; 0: the kernel reports nothing. @adopts: a tick that meets a copy of a sampled
 * process opens it, so the time of copies is met like that of others (see sampler_adopted()). NULL: out of memory.
 */
struct kin *kin_new(unsigned parts, bool adopts);
void kin_free(struct kin *kin); /* accepts NULL */

/* Takes in an event that the kernel has reported. */
void kin_hear(struct kin *kin, const struct lineage_event *event);

/* Whether a file is a Python interpreter or its library, by its name. */
bool kin_is_interpreter(const char *file);

bool kin_knows(const struct kin *kin, pid_t pid);
pid_t kin_parent(const struct kin *kin, pid_t pid); /* the process that has forked it; 0: not known */

/* A process that was there before the kernel was asked, or whose birth the kernel does not report. */
struct kin_begin {
        pid_t pid, parent; /* parent 0: the parent is not of the family */
        unsigned threads;
        uint64_t own_ns;      /* CPU time that it had used before anything was recorded */
        uint64_t children_ns; /* CPU time of the children that it had waited for by then */
        bool python;
        bool adopts; /* it becomes the parent of orphans, and is not of the family itself */
};
void kin_begin(struct kin *kin, const struct kin_begin *begin);

/*
 * All processes that were there at the beginning have been begun. What their parents were accounted for other children
 * up to now is left out.
 */
void kin_complete(struct kin *kin, const struct kin_clocks *clocks);

/* The process is sampled from @at on (CLOCK_MONOTONIC), so it is Python. */
void kin_opened(struct kin *kin, pid_t pid, uint64_t at);

/* @ns more of its CPU time are in a profile's books. */
void kin_booked(struct kin *kin, pid_t pid, uint64_t ns);

/* The process is sampled no longer: its program was replaced, or it has ended. */
void kin_stopped(struct kin *kin, pid_t pid);

/* Time that is in no profile, in ns. */
struct kin_sum {
        uint64_t unopened; /* of Python processes that were not opened */
        /*
         * of processes that were opened, after their books were last read; and of copies that any tick would have
         * opened
         */
        uint64_t unseen;
        uint64_t foreign; /* of programs that are not Python */
};

/*
 * Forgets processes that have ended, and keeps what they have used. If the kernel reports nothing, reads the clocks of
 * living processes that are not sampled. Call it now and then.
 */
void kin_look(struct kin *kin, const struct kin_clocks *clocks);

/* Reads the clocks of a process. False: the process is gone. */
struct kin_clocks {
        bool (*own)(pid_t pid, uint64_t *ret_ns);
        /* of the children that it has waited for, and of their children */
        bool (*children)(pid_t pid, uint64_t *ret_ns);
};

/*
 * Returns what was found since the last call. Living parents may have been accounted for more than what is known of
 * their children. That excess is what the end of a process takes. If the kernel reports nothing else, it is the time of
 * all processes that were not opened. @all: adds the time of living processes that were not opened.
 */
struct kin_sum kin_take(struct kin *kin, const struct kin_clocks *clocks, bool all);

/* Whether a process has ended and not everything of it is reported yet. */
bool kin_waits(struct kin *kin, const struct kin_clocks *clocks);

#endif
