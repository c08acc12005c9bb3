/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether libdw can be given an entry of .eh_frame. It was written for files that are damaged at worst. elfutils 0.188
 *
 * - allocates 16 bytes for each register up to the highest that is named, of up to 2^27: here they end at
 *   ELFSYM_REGISTERS_MAX;
 * - copies all registers for each DW_CFA_remember_state: here they nest to REMEMBERED_MAX;
 * - reads a byte past the end of a program for an operand that is missing, and past a CIE that ends within its
 *   augmentation: here every operand is in its program;
 * - loses memory, or dereferences NULL, where an expression has an operation that needs a file's debug information:
 *   here an expression has no other operations than those of the table;
 * - takes one step for each instruction: an entry has ELFSYM_FDE_MAX bytes.
 *
 * It also follows the encodings of pointers into whatever it was given: here they are those that linkers write, without
 * indirection.
 */
#include "table.h"

#include <dwarf.h>
#include <string.h>

#define REMEMBERED_MAX 16 /* compilers nest none */
#define EXPRESSION_MAX 64 /* bytes */
#define FACTOR_MAX 64     /* of the code: 1 on x86-64, 4 on aarch64 */
#define LEB128_MAX 10     /* bytes of one that has 64 bits */

/* Bytes that are read one after the other. It fails once for all. */
struct cursor {
        const uint8_t *at;
        const uint8_t *end;
        bool failed;
};

static const uint8_t *take_bytes(struct cursor *c, uint64_t n)
{
        const uint8_t *at = c->at;

        if (n > (uint64_t)(c->end - c->at)) {
                c->failed = true;
                c->at = c->end;
                return NULL;
        }
        c->at += n;
        return at;
}

/* A part of @n bytes, to be read by itself. */
static struct cursor take_part(struct cursor *c, uint64_t n)
{
        const uint8_t *at = take_bytes(c, n);

        return at ? (struct cursor){ .at = at, .end = c->at } : (struct cursor){ .failed = true };
}

static uint64_t take_number(struct cursor *c, size_t size)
{
        uint64_t number = 0;
        const uint8_t *bytes = take_bytes(c, size);

        if (bytes)
                memcpy(&number, bytes, size);
        return number;
}

static uint64_t take_leb128(struct cursor *c)
{
        uint64_t number = 0;

        for (unsigned i = 0; i < LEB128_MAX; i++) {
                const uint8_t *byte = take_bytes(c, 1);

                if (!byte)
                        return 0;
                number |= (uint64_t)(*byte & 0x7f) << (7 * i);
                if (!(*byte & 0x80))
                        return number;
        }
        c->failed = true;
        return 0;
}

/*
 * The operands of each instruction, in order. r: a register; n: a LEB128 number; x: an expression; 1, 2, 4, 8: a number
 * of so many bytes. An instruction that is not there is refused: no compiler writes it.
 */
static const char *const operands[0x40] = {
        [DW_CFA_nop] = "",
        [DW_CFA_advance_loc1] = "1",
        [DW_CFA_advance_loc2] = "2",
        [DW_CFA_advance_loc4] = "4",
        [DW_CFA_offset_extended] = "rn",
        [DW_CFA_restore_extended] = "r",
        [DW_CFA_undefined] = "r",
        [DW_CFA_same_value] = "r",
        [DW_CFA_register] = "rr",
        [DW_CFA_remember_state] = "",
        [DW_CFA_restore_state] = "",
        [DW_CFA_def_cfa] = "rn",
        [DW_CFA_def_cfa_register] = "r",
        [DW_CFA_def_cfa_offset] = "n",
        [DW_CFA_def_cfa_expression] = "x",
        [DW_CFA_expression] = "rx",
        [DW_CFA_offset_extended_sf] = "rn",
        [DW_CFA_def_cfa_sf] = "rn",
        [DW_CFA_def_cfa_offset_sf] = "n",
        [DW_CFA_val_offset] = "rn",
        [DW_CFA_val_offset_sf] = "rn",
        [DW_CFA_val_expression] = "rx",
        [DW_CFA_GNU_window_save] = "",
        [DW_CFA_GNU_args_size] = "n",
        [DW_CFA_GNU_negative_offset_extended] = "rn",
};

/* Likewise for the operations of expressions: those that depend on nothing but registers and memory. */
static const char *const expression_operands[256] = {
        [DW_OP_deref] = "",
        [DW_OP_const1u] = "1",
        [DW_OP_const1s] = "1",
        [DW_OP_const2u] = "2",
        [DW_OP_const2s] = "2",
        [DW_OP_const4u] = "4",
        [DW_OP_const4s] = "4",
        [DW_OP_constu] = "n",
        [DW_OP_consts] = "n",
        [DW_OP_dup] = "",
        [DW_OP_drop] = "",
        [DW_OP_and] = "",
        [DW_OP_minus] = "",
        [DW_OP_mul] = "",
        [DW_OP_or] = "",
        [DW_OP_plus] = "",
        [DW_OP_plus_uconst] = "n",
        [DW_OP_shl] = "",
        [DW_OP_shr] = "",
        [DW_OP_eq] = "",
        [DW_OP_ge] = "",
        [DW_OP_gt] = "",
        [DW_OP_le] = "",
        [DW_OP_lt] = "",
        [DW_OP_ne] = "",
        [DW_OP_lit0... DW_OP_lit31] = "",
        [DW_OP_breg0... DW_OP_breg31] = "n",
        [DW_OP_bregx] = "rn",
};

static void check_expression(struct cursor *c)
{
        uint64_t len = take_leb128(c);
        struct cursor in = take_part(c, len);

        c->failed |= len == 0 || len > EXPRESSION_MAX;
        while (in.at < in.end && !in.failed) {
                const char *what = expression_operands[*in.at++];

                in.failed = !what;
                for (; !in.failed && *what != '\0'; what++) {
                        if (*what >= '1' && *what <= '8')
                                take_number(&in, (size_t)(*what - '0'));
                        else if (take_leb128(&in) >= ELFSYM_REGISTERS_MAX && *what == 'r')
                                in.failed = true;
                }
        }
        c->failed |= in.failed;
}

/* Takes one operand. Returns it where it is a number. */
static uint64_t check_operand(struct cursor *c, char what)
{
        uint64_t number = 0;

        if (what == 'x')
                check_expression(c);
        else if (what >= '1' && what <= '8')
                number = take_number(c, (size_t)(what - '0'));
        else
                number = take_leb128(c);
        if (what == 'r' && number >= ELFSYM_REGISTERS_MAX)
                c->failed = true;
        return number;
}

/* Checks an instruction. Returns by how many units of code it advances. */
static uint64_t check_instruction(struct cursor *c, unsigned *remembered)
{
        uint8_t code = *c->at++;
        uint8_t primary = code & 0xc0;
        uint64_t number = 0;

        if (primary == DW_CFA_advance_loc)
                return code & 0x3f;
        if (primary != 0) { /* DW_CFA_offset or DW_CFA_restore */
                if (primary == DW_CFA_offset)
                        take_leb128(c);
                return 0;
        }

        const char *what = operands[code];

        if (!what || (elfsym_machine->refused && code == *elfsym_machine->refused)) {
                c->failed = true;
                return 0;
        }
        for (; *what != '\0'; what++)
                number = check_operand(c, *what);
        if (code == DW_CFA_remember_state && ++*remembered > REMEMBERED_MAX)
                c->failed = true;
        if (code == DW_CFA_restore_state && (*remembered)-- == 0)
                c->failed = true;
        return code >= DW_CFA_advance_loc1 && code <= DW_CFA_advance_loc4 ? number : 0;
}

/* Checks the instructions up to the end of @c. *@begin becomes the start of the row that @pc is in. */
static bool check_program(struct cursor *c, uint64_t factor, uint64_t pc, uint64_t *begin)
{
        uint64_t at = *begin;
        unsigned remembered = 0;

        while (c->at < c->end && !c->failed) {
                at += check_instruction(c, &remembered) * factor;
                if (at <= pc)
                        *begin = at;
        }
        return !c->failed;
}

/* The sizes of pointers, by the low 4 bits of their encoding. 0: refused. */
static const uint8_t pointer_sizes[16] = {
        [DW_EH_PE_absptr] = 8, [DW_EH_PE_udata4] = 4, [DW_EH_PE_udata8] = 8,
        [DW_EH_PE_sdata4] = 4, [DW_EH_PE_sdata8] = 8,
};

/* What a CIE says of its FDEs. */
struct common {
        bool sized; /* they have augmentation data, whose length they say */
        uint8_t encoding;
        uint64_t factor;
};

static void check_augmentation(struct cursor *c, const char *letters, struct common *common)
{
        for (; *letters != '\0' && !c->failed; letters++) {
                uint8_t encoding = 0;

                if (strchr("RLP", *letters))
                        encoding = (uint8_t)take_number(c, 1);
                else if (!strchr("SB", *letters))
                        c->failed = true;
                if (*letters == 'R')
                        common->encoding = encoding;
                if (*letters == 'P') {
                        c->failed |= pointer_sizes[encoding & 15] == 0;
                        take_bytes(c, pointer_sizes[encoding & 15]);
                }
        }
}

static bool check_cie(struct elfsym_cfi *cfi, struct common *common)
{
        struct cursor c = { .at = cfi->cie.bytes + 4, .end = cfi->cie.bytes + cfi->cie.len };
        uint64_t id = take_number(&c, 4);
        uint64_t version = take_number(&c, 1);
        const char *letters = (const char *)c.at;
        uint64_t ignored = 0;

        if (c.failed || id != 0 || (version != 1 && version != 3 && version != 4) ||
            !memchr(c.at, '\0', (size_t)(c.end - c.at)))
                return false;
        take_bytes(&c, strlen(letters) + 1);
        if (version == 4 && (take_number(&c, 1) != 8 || take_number(&c, 1) != 0)) /* sizes of address and segment */
                return false;
        common->factor = take_leb128(&c);
        take_leb128(&c);

        uint64_t return_register = version == 1 ? take_number(&c, 1) : take_leb128(&c);

        common->sized = letters[0] == 'z';
        if (common->sized) {
                struct cursor in = take_part(&c, take_leb128(&c));

                check_augmentation(&in, letters + 1, common);
                c.failed |= in.failed;
        } else if (letters[0] != '\0') {
                return false;
        }
        if (c.failed || common->factor == 0 || common->factor > FACTOR_MAX || return_register >= ELFSYM_REGISTERS_MAX)
                return false;
        cfi->instructions = (size_t)(c.at - cfi->cie.bytes);
        return check_program(&c, 0, 0, &ignored);
}

/* Takes a pointer of an FDE, which lies at @address. */
static uint64_t take_pointer(struct cursor *c, uint8_t encoding, uint64_t address)
{
        uint64_t number = take_number(c, pointer_sizes[encoding & 15]);

        if ((encoding & 15) == DW_EH_PE_sdata4)
                number = (uint64_t)(int64_t)(int32_t)number;
        return (encoding & 0xf0) == DW_EH_PE_pcrel ? number + address : number;
}

static int check_fde(struct elfsym_cfi *cfi, const struct common *common, uint64_t pc)
{
        struct cursor c = { .at = cfi->fde.bytes + 8, .end = cfi->fde.bytes + cfi->fde.len };
        uint8_t size = pointer_sizes[common->encoding & 15];
        uint8_t relative = common->encoding & 0xf0;

        if (size == 0 || (relative != DW_EH_PE_absptr && relative != DW_EH_PE_pcrel))
                return ELFSYM_E_DAMAGED;
        cfi->function = cfi->begin = take_pointer(&c, common->encoding, cfi->address + 8);

        uint64_t len = take_pointer(&c, common->encoding & 15, 0);

        if (common->sized)
                take_bytes(&c, take_leb128(&c));
        if (c.failed || len == 0 || len > UINT64_MAX - cfi->begin)
                return ELFSYM_E_DAMAGED;
        if (pc < cfi->begin || pc - cfi->begin >= len)
                return ELFSYM_E_NOT_FOUND;
        return check_program(&c, common->factor, pc, &cfi->begin) ? 0 : ELFSYM_E_DAMAGED;
}

int elfsym_program_check(struct elfsym_cfi *cfi, uint64_t pc)
{
        struct common common = { .encoding = DW_EH_PE_absptr };

        return check_cie(cfi, &common) ? check_fde(cfi, &common, pc) : ELFSYM_E_DAMAGED;
}
