/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_OPCODES_H
#define PYSTACK_OPCODES_H

/*
 * The opcode at which the innermost frame of a stack stands: the specialised one, as the interpreter has it in memory.
 * CPython 3.11 on. Included by pystack.h.
 */

#include <stdbool.h>
#include <stdint.h>

struct pystack;

/* What struct pystack_stack has of it. From PYSTACK_OPCODE_FIRST on it is the byte plus that. */
#define PYSTACK_OPCODE_NONE 0u    /* it was not asked for; or the version has none, or no Python instruction runs */
#define PYSTACK_OPCODE_UNKNOWN 1u /* it is not certain */
#define PYSTACK_OPCODE_FIRST 2u

/*
 * Whether samples from now on tell the opcode. As after opening: not. It takes one reading more for each sample, and two
 * for the bytecode of each code object that is met as the innermost one.
 */
void pystack_opcodes_want(struct pystack *py, bool wanted);

/* Whether samples tell it: it was asked for, and the version has it. */
bool pystack_opcodes_told(const struct pystack *py);

/* The name of an opcode that @py has told: "BINARY_OP_ADD_INT"; "unknown"; the byte as a number if it has no name. */
#define PYSTACK_OPCODE_SIZE 48
void pystack_opcode_write(const struct pystack *py, uint32_t opcode, char ret[PYSTACK_OPCODE_SIZE]);

#endif
