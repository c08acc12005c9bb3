/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_BYTECODE_H
#define PYSTACK_BYTECODE_H

/* Where the bytecode of a frame lies. The frame's position counts from there. */

#include "pystack/memory/snapshot.h"

/*
 * The address of the bytecode that @frame runs, in builds where each thread has its own. @entry is the frame's code
 * object. @ret_certain: false if the address has just been read; it is certain if the next snapshot finds the same
 * generation. PYSTACK_E_CORRUPT if there is no bytecode.
 */
int bytecode_find(struct pystack *py, const struct snapshot *snapshot, struct code_entry *entry,
                  const struct raw_frame *frame, uint64_t *ret, bool *ret_certain);

#endif
