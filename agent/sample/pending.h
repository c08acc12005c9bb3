/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PENDING_H
#define SAMPLE_PENDING_H

/* Samples that are not counted yet: their stacks wait to be proved, or the kernel is still to tell what they were. */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stdint.h>

struct target;

/* A stack of a profile that is not counted yet. */
struct pending {
        profile_id stack, thread;
        enum profile_state state;
        uint64_t count; /* the samples that it counts as */
        uint64_t ns;    /* the time that these stand for */
        uint32_t mark;  /* why the thread does not run: see waits_mark(); 0: it runs, or that is not known */
        bool retried;   /* it took more than one reading */
        uint64_t at_ns; /* when it was read, with a timeline (CLOCK_MONOTONIC); 0: when it is counted */
};

/* target->lock must be held for these functions. */
/* Decides whether the stack of the thread that is read next, which stands for @ns, may wait to be proved. */
void pending_allow(struct target *target, uint64_t ns, enum profile_state state);
/* Keeps a stack that is provisional until it is proved. */
void pending_add(struct target *target, const struct pending *stack);
/* Counts a proved stack in the target's profile. If that fails, counts it as failed, and returns false. */
bool pending_count(struct target *target, const struct pending *stack);
/* Counts @count ticks without a stack, which stand for @ns. @error, pystack's, says: they are torn, gone or failed. */
void pending_lose(struct profile_counters *counters, int error, uint64_t count, uint64_t ns);
/* Proves the pending stacks together, and counts them: as samples if the proof holds, as lost for its error if not. */
void pending_settle(struct target *target);

#endif
