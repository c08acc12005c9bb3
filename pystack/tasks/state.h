/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_TASK_STATE_H
#define PYSTACK_TASK_STATE_H

#include "reader.h"

/* What was read of a running task and those that await it: the next time, it is read at once. */
#define PLAN_SPANS 64
#define PLANS 64 /* a power of two */

struct task_plan {
        uint64_t task; /* 0: none */
        size_t n;
        struct iovec spans[PLAN_SPANS];
};

/* What is known of the tasks of a process. */
struct pystack_tasks_state {
        bool ready; /* @places is known */
        struct task_places places;
        struct task_reader *reader; /* NULL: not used yet */
        struct task_plan *plans;    /* by the task's address; NULL: likewise */
};

/* The reader, empty. NULL: no memory. */
struct task_reader *tasks_reader(struct pystack *py);

/* Reads the name of @task as a label: "task NAME". Errors of reading. */
int tasks_label(struct task_reader *reader, const struct task_object *task, const struct pystack_code **ret);

#endif
