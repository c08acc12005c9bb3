/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_SWITCHES_H
#define SAMPLE_SWITCHES_H

/*
 * Mode wall by the kernel's switches: how long each thread of a target was off the CPU, and with which stack.
 *
 * The kernel records when each thread leaves its CPU and when it gets one again. So the length of each wait is known.
 * The time on CPUs comes from the clock's ticks, as in mode cpu. The stack of a wait is read while the thread waits:
 * at the first look after it has left its CPU. Looks are a period apart, on average.
 *
 * A wait that is longer than a period has a look. It counts for its own length. Of the shorter waits, some have a look:
 * the more likely, the longer they are. Such a wait counts for itself, and for all short waits of the thread since the
 * last one that had a look. So the sum is exact, and the shares are those of ticks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member;
struct perf_switch;
struct sampler;
struct target;

enum switch_state {
        SWITCH_UNKNOWN, /* no record has told since the thread was met, or records were lost */
        SWITCH_ON,      /* on a CPU */
        SWITCH_BLOCKED, /* off the CPU: it waits for something; at the end it may have waited for a CPU */
        SWITCH_READY,   /* off the CPU: it waits for a CPU, or for its cgroup's quota */
        SWITCH_ENDED,
};

/* Waits of a thread, in ns, by what the thread waited for. */
struct switch_waits {
        uint64_t blocked_ns, ready_ns;
};

/* What is known of a thread. Its stack and mark are the member's clock's. */
struct member_switch {
        enum switch_state state;
        uint64_t since_ns;                   /* when @state began (CLOCK_MONOTONIC) */
        uint64_t told_ns;                    /* until when the present wait is in @own (CLOCK_MONOTONIC) */
        uint64_t read_begin_ns, read_end_ns; /* when the clock's stack was read (CLOCK_MONOTONIC) */
        bool read_ready;                     /* it was ready to run by then */
        bool is_python;                      /* it was known to run Python when @own and @unseen were last booked */
        struct switch_waits own;             /* of the present wait: no sample stands for it yet */
        struct switch_waits unseen;          /* of short waits that no look has met */
        int64_t ready_owed_ns; /* what the kernel says it has waited for a CPU, less what waits had of it */
        int64_t excess_ns;     /* by how much the time of its waits is longer than the periods that were counted */
        uint64_t uncounted_ns; /* the part of it that is in no sample yet */
};

/* What is known of a target. */
struct target_switches {
        uint64_t upto_ns;            /* up to when records were applied (CLOCK_MONOTONIC); 0: none was */
        bool relist;                 /* threads were born, or have ended */
        bool unread;                 /* there are waits without a stack */
        bool strangers;              /* there are threads of which no Python is known */
        uint64_t cpu_ns;             /* the CPU time that ticks stand for */
        uint64_t lost_cpu_ns;        /* the CPU time when records were last lost */
        int64_t excess_ns;           /* as a member's, of ticks; may be negative */
        struct switch_waits orphans; /* short waits of threads that have ended */
};

/* The target's lock is held for all functions. */

/* Applies @n records of the target: by thread, and for each in the order of time. @now: no record before is missing. */
void switches_apply(struct target *target, const struct perf_switch *records, size_t n, uint64_t now);

/*
 * Records were lost until @now: how long the present waits were is not known. All time of threads since the last call that
 * was no CPU time is accounted, and no sample stands for it.
 */
void switches_lose(struct target *target, uint64_t now);

/*
 * Finds new threads, and reads the waits that have no stack yet, but not too many at one go. Returns whether there are
 * more. They may be read at the next look: that makes no difference to a wait that goes on.
 */
bool switches_look(struct target *target, const struct sampler *sampler);

/* Whether the thread is off the CPU, as far as records have told. */
bool switches_is_waiting(const struct member *member);

/* Begins the books of a thread that is known to run Python by now. Waits of other threads are of no interest. */
void switches_note_python(struct target *target, struct member *member);

/* Brings samples up to date, since the profile ends. */
void switches_release(struct target *target);

/* The same for a member that is to be freed. */
void switches_forget(struct target *target, struct member *member);

/* The time and the number of samples that a tick stands for, which has met the target: all CPU time since the last. */
uint64_t switches_weigh_tick(struct target *target, const struct sampler *sampler, uint64_t *ret_count);

#endif
