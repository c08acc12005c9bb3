/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdw's answers, made small. Most are one of a few shapes: a register and a distance, or what is stored there. The
 * others (the CFA in a PLT, and in some assembly) are kept as operations, which step.c computes. Their stack is known to
 * be large enough, and never to be empty where something is taken off it, before they are kept.
 */
#include "table.h"

#include <dwarf.h>
#include <string.h>

/* How many values an operation takes off the stack, and how many it puts there. */
static const struct arity {
        uint8_t takes, puts;
} arities[256] = {
        [DW_OP_bregx] = { 0, 1 }, [DW_OP_consts] = { 0, 1 },      [DW_OP_dup] = { 1, 2 },  [DW_OP_drop] = { 1, 0 },
        [DW_OP_deref] = { 1, 1 }, [DW_OP_plus_uconst] = { 1, 1 }, [DW_OP_and] = { 2, 1 },  [DW_OP_minus] = { 2, 1 },
        [DW_OP_mul] = { 2, 1 },   [DW_OP_or] = { 2, 1 },          [DW_OP_plus] = { 2, 1 }, [DW_OP_shl] = { 2, 1 },
        [DW_OP_shr] = { 2, 1 },   [DW_OP_eq] = { 2, 1 },          [DW_OP_ge] = { 2, 1 },   [DW_OP_gt] = { 2, 1 },
        [DW_OP_le] = { 2, 1 },    [DW_OP_lt] = { 2, 1 },          [DW_OP_ne] = { 2, 1 },
};

/* An operation in one of the codes of arities[]. */
struct operation {
        uint8_t code;
        uint8_t base;
        int64_t number;
};

static struct operation reduce_operation(const Dwarf_Op *op)
{
        int64_t number = (int64_t)op->number;

        if (op->atom == DW_OP_call_frame_cfa)
                return (struct operation){ DW_OP_bregx, ELFSYM_BASE_CFA, 0 };
        if (op->atom == DW_OP_bregx)
                return (struct operation){ DW_OP_bregx, elfsym_base_of(op->number), (int64_t)op->number2 };
        if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
                return (struct operation){ DW_OP_bregx, elfsym_base_of(op->atom - DW_OP_breg0), number };
        if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
                return (struct operation){ DW_OP_consts, 0, op->atom - DW_OP_lit0 };
        if (op->atom >= DW_OP_const1u && op->atom <= DW_OP_consts)
                return (struct operation){ DW_OP_consts, 0, number };
        return (struct operation){ op->atom, 0, number };
}

/* Reduces @ops to at most @max, and adds a constant to the base before it. Returns how many they are, 0: too many. */
static size_t reduce_operations(const Dwarf_Op *ops, size_t n, struct operation *ret, size_t max)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
                struct operation op = reduce_operation(&ops[i]);

                if (op.code == DW_OP_plus_uconst && kept > 0 && ret[kept - 1].code == DW_OP_bregx &&
                    !__builtin_add_overflow(ret[kept - 1].number, op.number, &ret[kept - 1].number))
                        continue;
                if (kept == max)
                        return 0;
                ret[kept++] = op;
        }
        return kept;
}

/* The CFA stands before every register's expression. It is of no use where the next operation is a base as well. */
static size_t skip_unused(const struct operation *ops, size_t n)
{
        return n > 1 && ops[0].base == ELFSYM_BASE_CFA && ops[0].code == DW_OP_bregx && ops[1].code == DW_OP_bregx;
}

static void set_slot(struct elfsym_unwind *unwind, unsigned slot, enum elfsym_how how, uint8_t base, int64_t offset)
{
        if (offset != (int32_t)offset || base == ELFSYM_BASE_OTHER)
                how = ELFSYM_HOW_UNKNOWN;
        unwind->how[slot] = ELFSYM_HOW(how, base);
        unwind->offset[slot] = how == ELFSYM_HOW_UNKNOWN ? 0 : (int32_t)offset;
}

/* Keeps operations, if they leave a value and there is room for them. */
static void keep_operations(struct elfsym_unwind *unwind, unsigned slot, const struct operation *ops, size_t n,
                            enum elfsym_how how)
{
        size_t first = unwind->operations_n, depth = 0;

        if (n > ELFSYM_OPERATIONS_MAX - first)
                return;
        for (size_t i = 0; i < n; i++) {
                struct arity arity = arities[ops[i].code];

                if (arity.takes + arity.puts == 0 || depth < arity.takes || ops[i].number != (int16_t)ops[i].number ||
                    (ops[i].code == DW_OP_bregx && ops[i].base == ELFSYM_BASE_OTHER))
                        return;
                depth += arity.puts;
                depth -= arity.takes;
                unwind->operations[first + i] = (struct elfsym_operation){ .code = ops[i].code,
                                                                           .base = ops[i].base,
                                                                           .number = (int16_t)ops[i].number };
        }
        if (depth == 0)
                return;
        unwind->operations_n += (uint8_t)n;
        set_slot(unwind, slot, how, 0, (int64_t)(first << 8 | (first + n)));
}

void elfsym_expression_take(struct elfsym_unwind *unwind, unsigned slot, const Dwarf_Op *ops, size_t n, bool is_value)
{
        struct operation reduced[ELFSYM_OPERATIONS_MAX + 1];

        set_slot(unwind, slot, ELFSYM_HOW_UNKNOWN, 0, 0);
        if (n > 0 && ops[n - 1].atom == DW_OP_stack_value) {
                is_value = true;
                n--;
        }
        if (n == 1 && ops[0].atom == DW_OP_regx) {
                set_slot(unwind, slot, ELFSYM_HOW_VALUE, elfsym_base_of(ops[0].number), 0);
                return;
        }

        size_t kept = reduce_operations(ops, n, reduced, ELFSYM_OPERATIONS_MAX + 1);
        size_t unused = skip_unused(reduced, kept);
        const struct operation *op = reduced + unused;

        kept -= unused;
        if (kept == 0)
                return;
        if (kept == 1 && op->code == DW_OP_bregx)
                set_slot(unwind, slot, is_value ? ELFSYM_HOW_VALUE : ELFSYM_HOW_AT, op->base, op->number);
        else if (kept == 2 && op->code == DW_OP_bregx && op[1].code == DW_OP_deref && is_value)
                set_slot(unwind, slot, ELFSYM_HOW_AT, op->base, op->number);
        else
                keep_operations(unwind, slot, op, kept, is_value ? ELFSYM_HOW_COMPUTED : ELFSYM_HOW_AT_COMPUTED);
}
