/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_NAME_H
#define PYSTACK_NAME_H

/* From raw frames to frames: code objects found, resolved, proved. */

#include "pystack/memory/snapshot.h"

/*
 * Names the first @n of the pystack's raw[] in its frames[]. @ret_proved: whether
 * all of them are what was on the stack; if not, what is missing is known now, and
 * the next snapshot reads it, or snapshot_extend(). PYSTACK_E_CORRUPT if one is no
 * code object.
 */
int name_frames(struct pystack_thread *thread, const struct snapshot *snapshot, size_t n, bool *ret_proved);

#endif
