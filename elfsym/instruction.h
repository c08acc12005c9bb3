/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_INSTRUCTION_H
#define ELFSYM_INSTRUCTION_H

/*
 * Instructions of x86-64: how long each is, and its operands as they are encoded (Intel 64 Software Developer's Manual,
 * volume 2, chapter 2 and appendix A; AMD64 Architecture Programmer's Manual, volume 3, appendix A). What user code has no
 * use for is refused, and AMD's XOP as well.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELFSYM_INSTRUCTION_LEN_MAX 15

/* The map that an opcode is looked up in. */
enum elfsym_opcode_map {
        ELFSYM_MAP_ONE,  /* opcodes of one byte */
        ELFSYM_MAP_0F,   /* behind 0f */
        ELFSYM_MAP_0F38, /* behind 0f 38: vectors, and arithmetic of bits */
        ELFSYM_MAP_0F3A, /* behind 0f 3a: the same, with an immediate */
        ELFSYM_MAP_5 = 5,
        ELFSYM_MAP_6 = 6, /* vectors of half floats */
};

struct elfsym_instruction {
        uint8_t len;
        uint8_t map;
        uint8_t opcode;
        bool vector_prefix; /* VEX or EVEX */
        bool wide;          /* its integers have 64 bits */
        bool narrow;        /* they have 16: prefix 66 */
        bool has_modrm;
        uint8_t mod;   /* 3: rm is a register; else memory at base + disp, if has_address says so */
        uint8_t reg;   /* a register's number; of some opcodes a part of the opcode, in its low 3 bits */
        uint8_t rm;    /* a register's number */
        uint8_t low;   /* the register whose number is in the opcode's low 3 bits */
        uint8_t other; /* the register that only VEX and EVEX can name */
        uint8_t base;
        bool has_address; /* there is neither an index nor a segment, and the base is a register */
        int32_t disp;
        int64_t immediate;
};

/* False: it is refused, or does not end within @len bytes. */
bool elfsym_instruction_decode(const uint8_t *bytes, size_t len, struct elfsym_instruction *ret);

#endif
