/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ELFSYM_UNWIND_H
#define ELFSYM_UNWIND_H

/*
 * A part of elfsym.h: the C stacks of another process, by the tables that its images carry for exceptions
 * (.eh_frame_hdr and .eh_frame: Linux Standard Base Core 5.0, chapter 10.6; DWARF 5, chapter 6.4). It serves images of
 * this host's machine, x86-64 or aarch64.
 *
 * A table is looked up where it is mapped, and no copy of it is kept. elfsym_unwind_find() gives the rule for one
 * address: it holds no address of the target but its own range, so that it may be cached and shared by threads.
 * elfsym_unwind_step() applies it. Tables, stacks and registers may be forged: any answer may come, within bounds.
 */

#include "functions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * How memory is read. Copies the @n remote spans into @buf, in order and back to back, and stops at the first one that
 * cannot be read. Returns the number of bytes copied, or a negative errno if that is 0. @n is at most 512.
 */
struct elfsym_memory {
        ssize_t (*read)(void *ctx, void *buf, const struct iovec *remote, size_t n);
        void *ctx;
};

/* An image as it is mapped, and where its table lies. All are addresses. */
struct elfsym_frames {
        uint64_t base;                       /* of file offset 0 */
        uint64_t bias;                       /* see elfsym_load_bias() */
        uint64_t begin, end;                 /* the hull of all segments */
        uint64_t text_begin, text_end;       /* the hull of the segments that are executable; both 0: there are none */
        uint64_t hdr;                        /* .eh_frame_hdr; 0: none, or none that is known */
        uint64_t entries;                    /* of its table */
        char build_id[ELFSYM_BUILD_ID_SIZE]; /* see elfsym_build_id(); "": it has none */
};

/*
 * Looks for the table of the image that is mapped at @base. An image without a table is no error: it has no entries.
 * ELFSYM_E_NOT_ELF, ELFSYM_E_FOREIGN, or what @memory's read says.
 */
int elfsym_frames_open(const struct elfsym_memory *memory, uint64_t base, struct elfsym_frames *ret);

/* The general registers. First those that a called function leaves as they are, in this order. */
enum elfsym_register {
#if defined(__aarch64__)
        ELFSYM_X19,
        ELFSYM_X28 = ELFSYM_X19 + 9,
        ELFSYM_X29,
        ELFSYM_X30, /* the link register: of use only in the innermost frame, and in one that a signal interrupted */
#else
        ELFSYM_RBX,
        ELFSYM_RBP,
        ELFSYM_R12,
        ELFSYM_R13,
        ELFSYM_R14,
        ELFSYM_R15,
#endif
        ELFSYM_SAVED_MAX,
/* The others. They are known in the innermost frame only. */
#if defined(__aarch64__)
        ELFSYM_X0 = ELFSYM_SAVED_MAX,
        ELFSYM_X18 = ELFSYM_X0 + 18,
#else
        ELFSYM_RAX = ELFSYM_SAVED_MAX,
        ELFSYM_RDX,
        ELFSYM_RCX,
        ELFSYM_RSI,
        ELFSYM_RDI,
        ELFSYM_R8,
        ELFSYM_R9,
        ELFSYM_R10,
        ELFSYM_R11,
#endif
        ELFSYM_GENERAL_MAX,
#if defined(__aarch64__)
        ELFSYM_FRAME_POINTER = ELFSYM_X29,
#else
        ELFSYM_FRAME_POINTER = ELFSYM_RBP,
#endif
};

/* The registers of a frame. */
struct elfsym_registers {
        uint64_t pc;
        uint64_t sp;
        uint64_t general[ELFSYM_GENERAL_MAX];
        uint32_t known; /* bit 1 << i: general[i] has a value */
};

/* What a rule does to a base, a register or the CFA. The CFA (canonical frame address) is the caller's sp. */
struct elfsym_operation {
        uint8_t code;
        uint8_t base;
        int16_t number;
};

#define ELFSYM_OPERATIONS_MAX 9 /* an entry of a PLT has 9, all others that compilers make up to 4 */

/* The rule for the addresses from @begin up to but not @end. */
struct elfsym_unwind {
        uint64_t begin, end;
        /* Private: for each saved register, the return address and the CFA where it is. */
        int32_t offset[ELFSYM_SAVED_MAX + 2];
        uint16_t how[ELFSYM_SAVED_MAX + 2];
        bool is_signal; /* the frame is a signal's: its caller was interrupted, and has made no call */
        uint8_t operations_n;
        struct elfsym_operation operations[ELFSYM_OPERATIONS_MAX];
};

/*
 * Finds the rule at @pc. For a frame that has made a call this is the return address less 1, which is within the call;
 * for the innermost frame, and for a caller of a frame with is_signal, it is the very pc.
 *
 * ELFSYM_E_NOT_FOUND: the table says nothing about @pc. ELFSYM_E_DAMAGED: it says what cannot be. ELFSYM_E_RANGE: a
 * part of it cannot be read. Costs 3 or 4 calls of @memory's read, and at most 9.
 */
int elfsym_unwind_find(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                       struct elfsym_unwind *ret);

/* Where the function begins that has @pc, as the table says it. Returns as elfsym_unwind_find() does. */
int elfsym_unwind_function(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                           uint64_t *ret);

/*
 * A rule for the innermost frame, where the table says nothing about @pc: by the code that is still to run, up to a
 * return. Only x86-64, and functions that can return without a call. The caller's address is to lie behind a call: whoever
 * uses the rule looks at that. ELFSYM_E_NOT_FOUND. Costs up to 16 calls of @memory's read, and 0.5 ms.
 */
int elfsym_unwind_ahead(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                        struct elfsym_unwind *ret);

/* The address in a word that may be a return address: on aarch64 its upper bits may be a signature (PAC). */
uint64_t elfsym_unwind_address(uint64_t word);

/* Reads the 8 bytes at @addr of the stack. */
typedef bool (*elfsym_load_fn)(void *ctx, uint64_t addr, uint64_t *ret);

/*
 * Makes the registers of a frame those of its caller. They stay as they are if it fails. Of the general registers only
 * saved ones are known then.
 *
 * ELFSYM_E_END: there is no caller. ELFSYM_E_UNKNOWN_REGISTER. ELFSYM_E_RANGE: @load failed. ELFSYM_E_DAMAGED: the
 * caller's sp would not be above this one's, or not a multiple of 8. A signal's frame may lie on another stack, so only
 * a caller that counts frames is sure to come to an end.
 */
int elfsym_unwind_step(const struct elfsym_unwind *unwind, elfsym_load_fn load, void *ctx,
                       struct elfsym_registers *regs);

/*
 * Likewise, where there is no rule: it takes the frame pointer for one. Of the saved registers only the frame pointer is
 * known then. On aarch64 sp is then a lower bound, since a frame's record need not lie at its top.
 */
int elfsym_unwind_by_frame_pointer(elfsym_load_fn load, void *ctx, struct elfsym_registers *regs);

#endif
