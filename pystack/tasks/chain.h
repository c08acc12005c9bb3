/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_CHAIN_H
#define PYSTACK_TASK_CHAIN_H

/* The tasks outside of a task: each awaits the one inside, as long as there is one that does. */

#include "reader.h"

/* Tasks of one stack. */
#define TASK_DEPTH_MAX 64

/* A stack that tasks are added to, innermost frame first. */
struct task_stack {
        struct task_reader *reader;
        struct pystack_frame *frames; /* room for PYSTACK_MAX_FRAMES */
        size_t n;
        uint64_t seen[TASK_DEPTH_MAX]; /* the tasks that are on it */
        size_t n_seen;
};

/* Adds the frame that names @task. @outermost: the frame of its coroutine. PYSTACK_E_COSTLY: no room. Errors of reading. */
int task_stack_add(struct task_stack *stack, const struct task_object *task, const struct pystack_frame *outermost);

/* Adds the tasks that await @task, which changes. The reader's chain and frames change. Errors as above. */
int task_stack_add_awaiters(struct task_stack *stack, struct task_object *task);

#endif
