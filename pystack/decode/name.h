/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_NAME_H
#define PYSTACK_NAME_H

/* From raw frames to frames: finds, reads and proves their code objects. */

#include "pystack/memory/snapshot.h"

/*
 * Makes frames[] of the first @n of the pystack's raw[]. @ret_proved: whether each code object is proved. If not, the
 * proofs that are missing are wanted now: the next snapshot reads them, or snapshot_extend(). PYSTACK_E_CORRUPT if a
 * frame points to something that is no code object.
 */
int name_frames(struct pystack_thread *thread, const struct snapshot *snapshot, size_t n, bool *ret_proved);

#endif
