/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_OPCODES_TABLE_H
#define PYSTACK_OPCODES_TABLE_H

/* The opcodes of each CPython that specialises bytecode. */

#include <stdint.h>

/* The opcode hides another one, so its length is not known. */
#define OPCODE_HIDES UINT8_MAX

struct opcode {
        const char *name; /* NULL: no instruction has this byte */
        uint8_t caches;   /* code units of data behind it, or OPCODE_HIDES */
};

extern const struct opcode opcodes_3_11[256], opcodes_3_12[256], opcodes_3_13[256], opcodes_3_14[256],
        opcodes_3_15[256];

#endif
