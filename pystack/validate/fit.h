/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_FIT_H
#define PYSTACK_FIT_H

#include "pystack/memory/snapshot.h"

/*
 * Whether the first @n raw frames, which have been named, lie in memory as frames that
 * have called one another do. False: the thread is at work on them.
 */
bool fit_frames(const struct pystack_thread *thread, const struct snapshot *snapshot, size_t n);

#endif
