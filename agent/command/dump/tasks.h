/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_TASKS_H
#define DUMP_TASKS_H

/* The tasks of asyncio of a process, as dump prints them. */

#include "subject.h"

/*
 * Reads all tasks of @subject, and writes them to its @out, or adds them to its @json. 0, or an error of pystack or a
 * negative errno: then the threads stand alone.
 */
int dump_tasks(struct subject *subject);

/*
 * The same for the greenlets that do not run. Nothing is written if the module greenlet was never imported. See
 * greenlets.c.
 */
int dump_greenlets(struct subject *subject);

/* Prints a frame and its line. */
void task_frame_print(struct pystack *py, const struct pystack_frame *frame, FILE *out);

#endif
