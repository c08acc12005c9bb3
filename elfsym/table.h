/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_TABLE_H
#define ELFSYM_TABLE_H

/*
 * What the files of unwind.h share. frames.c opens an image, search.c finds the entry (FDE) of an address in its table,
 * program.c checks it, rule.c has libdw evaluate it, expression.c makes libdw's answer small, and step.c applies it.
 */

#include "elfsym.h"

#include <elfutils/libdw.h>

/* Compilers' entries have up to some 2 KiB: that of CPython's evaluation loop is one of the longest. */
#define ELFSYM_FDE_MAX 8192
#define ELFSYM_CIE_MAX 512

/* Registers by DWARF's numbers: x86-64 has them up to 130, aarch64 up to 127. */
#define ELFSYM_REGISTERS_MAX 131

/* What a rule counts from: a general register, or one of these. */
enum elfsym_base {
        ELFSYM_BASE_SP = ELFSYM_GENERAL_MAX,
        ELFSYM_BASE_PC,
        ELFSYM_BASE_CFA,
        ELFSYM_BASE_OTHER, /* a register whose value is never known: of vectors, say */
        ELFSYM_BASES,
};

/* How a value is found: the low byte of elfsym_unwind.how. The high one has its base. */
enum elfsym_how {
        ELFSYM_HOW_UNKNOWN,
        ELFSYM_HOW_END,      /* of a return address: there is none */
        ELFSYM_HOW_SAME,     /* of a saved register */
        ELFSYM_HOW_VALUE,    /* base + offset */
        ELFSYM_HOW_AT,       /* what is stored at base + offset */
        ELFSYM_HOW_COMPUTED, /* by the operations; offset is the number of the first << 8 | of the last + 1 */
        ELFSYM_HOW_AT_COMPUTED,
};

#define ELFSYM_HOW(how, base) ((uint16_t)((how) | (base) << 8))
#define ELFSYM_HOW_OF(how) ((enum elfsym_how)((how)&0xff))
#define ELFSYM_BASE_OF(how) ((unsigned)(how) >> 8)

/* Where elfsym_unwind.how has what is no saved register. */
#define ELFSYM_SLOT_RETURN ELFSYM_SAVED_MAX
#define ELFSYM_SLOT_CFA (ELFSYM_SAVED_MAX + 1)
#define ELFSYM_SLOTS (ELFSYM_SAVED_MAX + 2)

/* What differs by machine. Numbers are DWARF's: x86-64 psABI 1.0, figure 3.36; DWARF for the Arm 64-bit Architecture. */
struct elfsym_machine {
        uint16_t elf;        /* EM_* */
        uint8_t general[31]; /* by elfsym_register */
        uint8_t sp, pc;
        uint8_t frame_pointer; /* its place among them */
        int8_t link;           /* that of the link register, -1: calls store the return address */
        uint64_t address_mask; /* what of a return address is address */
        /*
         * Where a signal's frame has no entry: the two instructions that its handler returns to, and where the saved
         * registers, the interrupted sp and pc then lie above the sp. 0: there is an entry.
         */
        uint32_t sigreturn[2];
        int32_t signal_saved, signal_sp, signal_pc;
        const uint8_t *refused; /* a DW_CFA_* that means something else on the other machine; NULL: none */
};

extern const struct elfsym_machine *const elfsym_machine;

/* Reads exactly @len bytes, of at most 16 KiB. ELFSYM_E_RANGE if not all of them can be read. */
int elfsym_table_read(const struct elfsym_memory *memory, uint64_t addr, void *buf, size_t len);

/* Likewise, but less if memory ends before. It needs 1 byte. */
int elfsym_table_read_some(const struct elfsym_memory *memory, uint64_t addr, void *buf, size_t len, size_t *ret_len);

/* Finds the FDE of the last function of the table that begins at or before @pc. */
int elfsym_table_search(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                        uint64_t *ret_fde);

/* An entry of .eh_frame. */
struct elfsym_entry {
        uint32_t len; /* of bytes, with the 4 of its length */
        uint8_t bytes[ELFSYM_FDE_MAX];
};

/* An FDE and its CIE, found to be what libdw can be given. */
struct elfsym_cfi {
        uint64_t address; /* of the FDE */
        struct elfsym_entry fde;
        struct elfsym_entry cie;
        size_t instructions; /* where those of the CIE begin */
        uint64_t function;   /* where the code that the FDE is about begins */
        uint64_t begin;      /* of the row of the pc */
};

/*
 * Checks both entries of @cfi, and finds the row of @pc. ELFSYM_E_NOT_FOUND: they are not about it. ELFSYM_E_DAMAGED:
 * libdw must not have them.
 */
int elfsym_program_check(struct elfsym_cfi *cfi, uint64_t pc);

/* Takes a DWARF expression, as libdw gives it, into @slot of @unwind. @is_value: its result is the value, not its place. */
void elfsym_expression_take(struct elfsym_unwind *unwind, unsigned slot, const Dwarf_Op *ops, size_t n, bool is_value);

/* The base for a register number of DWARF. */
uint8_t elfsym_base_of(uint64_t number);

#endif
