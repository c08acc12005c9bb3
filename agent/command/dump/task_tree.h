/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_TASK_TREE_H
#define DUMP_TASK_TREE_H

#include "task_views.h"

/* Writes the tasks as a tree, those that nobody awaits first. Cycles are marked. */
void task_tree_write(struct task_views *views);

#endif
