/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TASKS_H
#define SAMPLE_TASKS_H

/* Tasks of asyncio, and greenlets: when pystack reads where a target has them. */

#include "internal.h"

/* A target begins: its stacks have tasks and greenlets if they are wanted and the modules are imported by now. */
void tasks_begin(struct target *target, const struct sampler *sampler);

/* A stack was read. The decoder is asked if there may be tasks or greenlets of which nothing is known. */
void tasks_note(struct target *target);

/*
 * Reads where the target has tasks and greenlets, if a stack may have had some. That takes a fiftieth of the time at most, and less the
 * longer there are none. decoder->turn is held, the target's lock is not.
 */
void tasks_refresh_when_due(struct target *target);

#endif
