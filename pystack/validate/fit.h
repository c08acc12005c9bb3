/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_FIT_H
#define PYSTACK_FIT_H

#include "pystack/memory/snapshot.h"

/*
 * Whether the first @n raw frames, whose code objects are known, lie in memory as frames do that have called one
 * another. False: the thread is at work on them.
 */
bool fit_frames(const struct pystack_thread *thread, const struct snapshot *snapshot, size_t n);

#endif
