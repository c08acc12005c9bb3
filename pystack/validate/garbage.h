/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_GARBAGE_H
#define PYSTACK_GARBAGE_H

/*
 * Whether a thread collects garbage at the moment of its stack, and which of its frames the collection has interrupted.
 */

#include "pystack/memory/snapshot.h"

/* Spans that garbage_plan() appends at most. */
#define GARBAGE_SPANS_MAX 2

/* What garbage_plan() returns if nothing is to be read. */
#define GARBAGE_UNREAD SIZE_MAX

/*
 * Appends what shows who collects. It is read once, between the two readings of the thread. Returns where in @batch its
 * bytes begin. GARBAGE_UNREAD if the memory does not tell, or this sample can do without. @frozen: there may be only one
 * reading of the thread.
 */
size_t garbage_plan(struct pystack_thread *thread, bool frozen, struct remote_batch *batch);

/* Whether a span at @addr is one of these. If it is, it cannot be read, and is not planned any more. */
bool garbage_drop(struct pystack_thread *thread, uint64_t addr);

/*
 * Sets what @stack says of a collection. It is the stack of @snapshot, whose raw frames are still in the pystack, and
 * which was taken with @uninterrupted.
 */
void garbage_judge(struct pystack_thread *thread, const struct snapshot *snapshot,
                   const struct pystack_uninterrupted *uninterrupted, struct pystack_stack *stack);

/* Forgets which calls the process makes. */
void garbage_trim(struct pystack *py);

#endif
