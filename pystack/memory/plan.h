/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_PLAN_H
#define PYSTACK_PLAN_H

/* A thread's plan: the memory that its next snapshot reads. */

#include "snapshot.h"

/*
 * Adapts the plan to the thread state in @snapshot: to its cframe and its data stack. True if the plan has changed:
 * take another snapshot.
 */
bool plan_update(struct pystack_thread *thread, const struct snapshot *snapshot);

/*
 * Adds the frame at @addr to the plan, and the frames behind it that the plan does not have yet. PYSTACK_E_TORN if
 * their memory cannot be read; -ENOSPC if the plan is as large as it may be.
 */
int plan_extend(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr);

/* Adds @len bytes at @addr, and the rest of their page, to the plan. Errors as of plan_extend(). */
int plan_add(struct pystack_thread *thread, struct snapshot *snapshot, uint64_t addr, uint32_t len);

/* Removes from the plan what no frame was found in for a while. To be called after a snapshot that gave a stack. */
void plan_prune(struct pystack_thread *thread, const struct snapshot *snapshot);

#endif
