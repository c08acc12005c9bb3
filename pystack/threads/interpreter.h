/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_INTERPRETER_H
#define PYSTACK_INTERPRETER_H

#include "pystack/internal.h"

/* Is called for a thread state, whose first bytes are @bytes. Anything but 0 ends the walk. */
typedef int (*interpreter_each_fn)(void *ctx, uint64_t tstate, uint64_t interp, const uint8_t *bytes);

/*
 * Calls @each for the thread states of all interpreters, and notes in @py whether there are several interpreters. 0,
 * what @each returned, or an error of reading.
 */
int interpreter_walk(struct pystack *py, interpreter_each_fn each, void *ctx);

/* Notes whether there are several interpreters. */
void interpreter_count(struct pystack *py);

#endif
