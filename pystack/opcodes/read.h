/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_OPCODES_READ_H
#define PYSTACK_OPCODES_READ_H

/* Reads the opcode at which a thread stands. */

#include "pystack/internal.h"

/*
 * The opcode of the innermost frame of the stack that was just read and named: see pystack_stack. @instruction: where it
 * stands in the bytecode, in bytes.
 */
uint32_t opcode_read(struct pystack *py, const struct raw_frame *frame, struct code_entry *entry, int32_t instruction);

#endif
