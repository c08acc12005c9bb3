/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_RUNNING_H
#define PYSTACK_TASK_RUNNING_H

/* Makes stacks begin at the task that runs them. For pystack's own files outside of tasks/. */

#include "pystack/decode/walk.h"
#include "pystack/memory/snapshot.h"

/*
 * Changes @stack, which was made of @snapshot, if it is certain which task runs it: frames outside of the task's coroutine
 * are left out, and those of the tasks that await it are put in their place. 0, or an error of reading: then the stack
 * stays as it was.
 */
void tasks_root(struct pystack_thread *thread, struct snapshot *snapshot,
                const struct pystack_uninterrupted *uninterrupted, const struct walk *walk,
                struct pystack_stack *stack);

/* Frees all that can be read again, and all. Accept NULL. */
void tasks_trim(struct pystack *py);
void tasks_free(struct pystack *py);

#endif
