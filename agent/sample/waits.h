/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_WAITS_H
#define SAMPLE_WAITS_H

/*
 * Why the threads of a target do not run, in mode wall. The tick reads the reason together with the stack, and gives it
 * a number: the mark of the sample (see profile_add_marked()). When the profile is settled, the names of the stack are
 * known, and the mark becomes the stack's leaf frame: "[waits: socket 10.0.0.7:5432]".
 *
 * The address of a socket stands in a table of its network namespace, which may be long. So it is looked up outside of
 * ticks, soon after the tick: by then a short-lived connection may be gone, and has no address.
 */

#include "agent/profile/profile.h"
#include "agent/reason/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct member;
struct pystack;
struct sampler;
struct target;

/* The different reasons of a profile at most. Further ones lose their details: what remains is the kind. */
#define WAITS_MAX 1024

struct wait_entry;

/* The reasons that samples of a profile have. {0} has none. */
struct waits {
        struct wait_entry *items;
        size_t n, cap;
        uint32_t *slots;  /* by the hash of a reason, its number; 0: free */
        size_t nameless;  /* sockets of which it was not looked yet what their addresses are */
        uint64_t look_ns; /* when their addresses may be looked up (CLOCK_MONOTONIC) */
};

void waits_deinit(struct waits *waits);
size_t waits_bytes(const struct waits *waits);

/* What a tick reads of a thread that does not run, beside its stack. */
struct wait_look {
        struct reason reason;
        const struct nsutil_freezers *freezers;
        bool is_known; /* the reason holds, whatever the thread does meanwhile */
        bool has_begun;
        uint32_t mark; /* of the sample, once it is counted; 0: none */
};

/*
 * Reads the reason. To be called before the stack is read. Opens the member's files, and leaves them open: a thread
 * that runs now and then is looked at again.
 */
void wait_look_begin(struct wait_look *look, struct target *target, struct member *member);
/*
 * To be called when the stack has been read. Returns whether the reason and the stack are of one moment. If not, the
 * reason is unknown.
 */
bool wait_look_end(struct wait_look *look, const struct member *member);

/* The mark of a reason. 0: there is no memory. The target's lock is held. */
uint32_t waits_mark(struct waits *waits, const struct reason *reason);

/* The mark of a sample of the thread that holds a GIL, where mode gil tells how many threads wait for it. */
uint32_t waits_holder_mark(uint64_t waiters);

/*
 * Looks up the addresses of the target's sockets, if it is time to. The target's lock is not held, and decoder->turn
 * is.
 */
void waits_look_up(struct target *target);

/* Looks up the addresses that are still missing, of process @pid. The caller is the only user of @waits. */
void waits_complete(struct waits *waits, pid_t pid);

/* What the marks of a profile mean. The profile is the only user of @waits. */
struct waits_rule {
        const struct waits *waits;
        enum reason_privacy privacy;
        bool no_idle_workers;
        bool blame; /* the marks are waits_holder_mark()'s */
        /* the marks are opcodes that this has told: see struct pystack_stack. NULL: they are not */
        const struct pystack *opcodes_of;
};

/* For struct profile_marks; @ctx is a struct waits_rule. */
bool waits_leaf(void *ctx, struct profile *profile, profile_id stack, uint32_t mark, profile_id *ret);

#endif
