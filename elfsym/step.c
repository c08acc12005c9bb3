/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frame to its caller's, by a rule. A stack grows downwards, so a caller's sp is above: by this every walk over
 * forged stacks comes to an end. Two kinds of frames are excepted: a signal's, which may lie on a stack of its own; and
 * one that has stored nothing, not even the return address, which is still in a register. The latter can only be the
 * innermost, or one that a signal interrupted, for a call changes the link register.
 */
#include "table.h"

#include <dwarf.h>
#include <string.h>

/* What a rule counts from, and where it loads from. */
struct step {
        const struct elfsym_unwind *unwind;
        elfsym_load_fn load;
        void *ctx;
        uint64_t bases[ELFSYM_BASES];
        uint64_t known; /* by elfsym_base */
};

static uint64_t compute_pair(uint8_t code, uint64_t a, uint64_t b)
{
        switch (code) {
        case DW_OP_and:
                return a & b;
        case DW_OP_or:
                return a | b;
        case DW_OP_plus:
                return a + b;
        case DW_OP_minus:
                return a - b;
        case DW_OP_mul:
                return a * b;
        case DW_OP_shl:
                return b < 64 ? a << b : 0;
        case DW_OP_shr:
                return b < 64 ? a >> b : 0;
        case DW_OP_eq:
                return a == b;
        case DW_OP_ne:
                return a != b;
        case DW_OP_ge:
                return (int64_t)a >= (int64_t)b;
        case DW_OP_gt:
                return (int64_t)a > (int64_t)b;
        case DW_OP_le:
                return (int64_t)a <= (int64_t)b;
        default: /* DW_OP_lt */
                return (int64_t)a < (int64_t)b;
        }
}

/* Computes the operations from @first up to @end. That the stack suffices was looked at when they were kept. */
static int compute_operations(const struct step *s, unsigned first, unsigned end, uint64_t *ret)
{
        uint64_t stack[ELFSYM_OPERATIONS_MAX + 1];
        unsigned n = 0;

        for (unsigned i = first; i < end; i++) {
                struct elfsym_operation op = s->unwind->operations[i];
                uint64_t number = (uint64_t)(int64_t)op.number;

                if (op.code == DW_OP_consts) {
                        stack[n++] = number;
                } else if (op.code == DW_OP_bregx) {
                        if (!(s->known >> op.base & 1))
                                return ELFSYM_E_UNKNOWN_REGISTER;
                        stack[n++] = s->bases[op.base] + number;
                } else if (op.code == DW_OP_dup) {
                        stack[n] = stack[n - 1];
                        n++;
                } else if (op.code == DW_OP_drop) {
                        n--;
                } else if (op.code == DW_OP_plus_uconst) {
                        stack[n - 1] += number;
                } else if (op.code == DW_OP_deref) {
                        if (!s->load(s->ctx, stack[n - 1], &stack[n - 1]))
                                return ELFSYM_E_RANGE;
                } else {
                        n--;
                        stack[n - 1] = compute_pair(op.code, stack[n - 1], stack[n]);
                }
        }
        *ret = stack[n - 1];
        return 0;
}

static int compute_value(const struct step *s, unsigned slot, uint64_t *ret)
{
        enum elfsym_how how = ELFSYM_HOW_OF(s->unwind->how[slot]);
        unsigned base = ELFSYM_BASE_OF(s->unwind->how[slot]);
        int32_t offset = s->unwind->offset[slot];
        uint64_t value = 0;
        int r = 0;

        if (how == ELFSYM_HOW_UNKNOWN)
                return ELFSYM_E_UNKNOWN_REGISTER;
        if (how == ELFSYM_HOW_END)
                return ELFSYM_E_END;
        if (how == ELFSYM_HOW_COMPUTED || how == ELFSYM_HOW_AT_COMPUTED) {
                r = compute_operations(s, (unsigned)offset >> 8, (unsigned)offset & 0xff, &value);
        } else {
                if (how == ELFSYM_HOW_SAME) {
                        base = slot;
                        offset = 0;
                }
                if (!(s->known >> base & 1))
                        return ELFSYM_E_UNKNOWN_REGISTER;
                value = s->bases[base] + (uint64_t)(int64_t)offset;
        }
        if (r == 0 && (how == ELFSYM_HOW_AT || how == ELFSYM_HOW_AT_COMPUTED) && !s->load(s->ctx, value, &value))
                r = ELFSYM_E_RANGE;
        *ret = value;
        return r;
}

/* The CFA, if it can be that of this frame. */
static int compute_cfa(struct step *s, uint64_t sp)
{
        uint64_t cfa;
        int r = compute_value(s, ELFSYM_SLOT_CFA, &cfa);

        if (r != 0)
                return r;

        bool stored = ELFSYM_HOW_OF(s->unwind->how[ELFSYM_SLOT_RETURN]) != ELFSYM_HOW_VALUE;

        if (cfa % 8 != 0 || (!s->unwind->is_signal && (cfa < sp || (cfa == sp && stored))))
                return ELFSYM_E_DAMAGED;
        s->bases[ELFSYM_BASE_CFA] = cfa;
        s->known |= UINT64_C(1) << ELFSYM_BASE_CFA;
        return 0;
}

int elfsym_unwind_step(const struct elfsym_unwind *unwind, elfsym_load_fn load, void *ctx,
                       struct elfsym_registers *regs)
{
        struct step s = { .unwind = unwind, .load = load, .ctx = ctx };
        struct elfsym_registers caller = { 0 };

        /* At the outermost frame the CFA need not be known. */
        if (ELFSYM_HOW_OF(unwind->how[ELFSYM_SLOT_RETURN]) == ELFSYM_HOW_END)
                return ELFSYM_E_END;
        memcpy(s.bases, regs->general, sizeof(regs->general));
        s.bases[ELFSYM_BASE_SP] = regs->sp;
        s.bases[ELFSYM_BASE_PC] = regs->pc;
        s.known = (regs->known & ((1u << ELFSYM_GENERAL_MAX) - 1)) | UINT64_C(1) << ELFSYM_BASE_SP |
                  UINT64_C(1) << ELFSYM_BASE_PC;

        int r = compute_cfa(&s, regs->sp);

        if (r == 0)
                r = compute_value(&s, ELFSYM_SLOT_RETURN, &caller.pc);
        for (unsigned i = 0; r == 0 && i < ELFSYM_SAVED_MAX; i++) {
                r = compute_value(&s, i, &caller.general[i]);
                if (r == 0)
                        caller.known |= 1u << i;
                else if (r == ELFSYM_E_UNKNOWN_REGISTER)
                        r = 0;
        }
        if (r != 0)
                return r;
        caller.pc = elfsym_unwind_address(caller.pc);
        if (caller.pc == 0) /* some ends of threads are marked so */
                return ELFSYM_E_END;
        caller.sp = s.bases[ELFSYM_BASE_CFA];
        if (elfsym_machine->link >= 0 && !unwind->is_signal)
                caller.known &= ~(1u << elfsym_machine->link);
        *regs = caller;
        return 0;
}

#define OF_CFA ELFSYM_HOW(ELFSYM_HOW_AT, ELFSYM_BASE_CFA)

/* The frame pointer points at a record of two words: the caller's frame pointer, and the return address. */
static const struct elfsym_unwind by_frame_pointer = {
        .how = { [ELFSYM_FRAME_POINTER] = OF_CFA,
                 [ELFSYM_SLOT_RETURN] = OF_CFA,
                 [ELFSYM_SLOT_CFA] = ELFSYM_HOW(ELFSYM_HOW_VALUE, ELFSYM_FRAME_POINTER) },
        .offset = { [ELFSYM_FRAME_POINTER] = -16, [ELFSYM_SLOT_RETURN] = -8, [ELFSYM_SLOT_CFA] = 16 },
};

int elfsym_unwind_by_frame_pointer(elfsym_load_fn load, void *ctx, struct elfsym_registers *regs)
{
        if (regs->known >> ELFSYM_FRAME_POINTER & 1 &&
            regs->general[ELFSYM_FRAME_POINTER] == 0) /* as both ABIs mark the outermost */
                return ELFSYM_E_END;
        return elfsym_unwind_step(&by_frame_pointer, load, ctx, regs);
}
