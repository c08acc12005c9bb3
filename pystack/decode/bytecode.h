/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_BYTECODE_H
#define PYSTACK_BYTECODE_H

/* Where the bytecode lies that a frame runs: what its position counts from. */

#include "pystack/memory/snapshot.h"

/*
 * The address of the bytecode of @frame, whose code object is @entry, in builds where
 * threads do not share it. @ret_certain:
 * false if it has just been read; it is certain if the next snapshot agrees.
 * PYSTACK_E_CORRUPT if there is none.
 */
int bytecode_find(struct pystack *py, const struct snapshot *snapshot, struct code_entry *entry,
                  const struct raw_frame *frame, uint64_t *ret, bool *ret_certain);

#endif
