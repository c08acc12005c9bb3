/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_EFFECT_H
#define ELFSYM_EFFECT_H

/*
 * What instructions do to the stack pointer and to the registers that a caller wants back. Known are pushes, pops, moves,
 * and numbers that are added. What other instructions write is unknown afterwards. It is taken for granted that vectors, and
 * stores to places that are not known, do not overwrite what a function has saved.
 */

#include "instruction.h"

#define EFFECT_REGISTERS 16
#define EFFECT_SLOTS_MAX 32 /* words of the stack to which it has met stores */

/* As instructions have them. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

enum known { UNKNOWN, SUM, STORED_AT_SUM };

/* What is in a register, by what a register has now. */
struct value {
        uint8_t known; /* enum known */
        uint8_t base;
        int32_t offset;
};

struct slot {
        struct value place;
        struct value value;
};

/* A way through the code. */
struct way {
        uint64_t pc;
        struct value registers[EFFECT_REGISTERS];
        struct slot slots[EFFECT_SLOTS_MAX];
        unsigned slots_n;
};

/* Applies @i to all but pc. False: it is not known what it does, and the way leads no further. */
bool elfsym_effect_apply(struct way *way, const struct elfsym_instruction *i);

/* @value + @number, if it is a sum. */
struct value elfsym_effect_add(struct value value, int64_t number);

#endif
