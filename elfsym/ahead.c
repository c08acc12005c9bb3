/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule without a table: by the code that a function is still to run. It is followed to a return, with what each
 * instruction does to the stack pointer and to the registers that a caller wants back. At one address all ways through a
 * function have the same frame, or no table could describe it. So any way will do, whichever the thread takes. This one
 * passes conditional jumps by. Where it comes to a call, to a jump through a register or to what it does not know, it goes
 * back to the last conditional jump, and takes it. So a function that calls others on all ways gets no rule.
 */
#include "table.h"

#if defined(__x86_64__)
#include "effect.h"

#include <string.h>

#define STEPS_MAX 8192    /* instructions: the longest kernels of matrix products have some 4000 */
#define READS_MAX 16      /* of code */
#define JUMPS_BACK_MAX 16 /* each is the end of a loop, or of a loop without end */
#define FORKS_MAX 16      /* conditional jumps that it can go back to */
#define PAGE 4096

struct ahead {
        const struct elfsym_memory *memory;
        const struct elfsym_frames *frames;
        struct way way;
        struct way forks[FORKS_MAX]; /* the last ones, in a ring */
        size_t forks_begin, forks_end;
        unsigned reads, jumps_back;
        uint64_t code_at;
        size_t code_len;
        bool code_ends; /* behind that nothing can be read */
        uint8_t code[PAGE + ELFSYM_INSTRUCTION_LEN_MAX];
};

/* ---- the way ------------------------------------------------------------------------------ */

static bool fetch_instruction(struct ahead *a, struct elfsym_instruction *ret)
{
        uint64_t pc = a->way.pc, at = pc - a->code_at;

        if (pc < a->frames->text_begin || pc >= a->frames->text_end)
                return false;
        if (at >= a->code_len || (!a->code_ends && a->code_len - at < ELFSYM_INSTRUCTION_LEN_MAX)) {
                /* Up to the end of the page: the code behind it may not be in memory, and take long to come. */
                size_t left = PAGE - pc % PAGE, wanted = left < ELFSYM_INSTRUCTION_LEN_MAX ? left + PAGE : left;

                a->code_len = 0;
                if (++a->reads > READS_MAX || elfsym_table_read_some(a->memory, pc, a->code, wanted, &a->code_len) != 0)
                        return false;
                a->code_ends = a->code_len < wanted;
                a->code_at = pc;
                at = 0;
        }
        return elfsym_instruction_decode(a->code + at, a->code_len - at, ret);
}

static bool is_conditional_jump(const struct elfsym_instruction *i)
{
        return i->map == ELFSYM_MAP_ONE ? (i->opcode & 0xf0) == 0x70 || (i->opcode & 0xfc) == 0xe0
                                        : i->map == ELFSYM_MAP_0F && (i->opcode & 0xf0) == 0x80;
}

static bool is_jump(const struct elfsym_instruction *i)
{
        return i->map == ELFSYM_MAP_ONE && (i->opcode == 0xe9 || i->opcode == 0xeb);
}

static bool is_return(const struct elfsym_instruction *i)
{
        return i->map == ELFSYM_MAP_ONE && (i->opcode == 0xc2 || i->opcode == 0xc3);
}

static void keep_fork(struct ahead *a, uint64_t target)
{
        struct way *fork = &a->forks[a->forks_end++ % FORKS_MAX];

        *fork = a->way;
        fork->pc = target;
        if (a->forks_end - a->forks_begin > FORKS_MAX)
                a->forks_begin++;
}

static bool go_back(struct ahead *a)
{
        if (a->forks_end == a->forks_begin)
                return false;
        a->way = a->forks[--a->forks_end % FORKS_MAX];
        return true;
}

/* Goes on by one instruction. False: this way leads no further. */
static bool go_on(struct ahead *a, const struct elfsym_instruction *i)
{
        uint64_t pc = a->way.pc, next = pc + i->len, target = next + (uint64_t)i->immediate;

        if (is_jump(i)) {
                a->way.pc = target;
                return target > pc || ++a->jumps_back <= JUMPS_BACK_MAX;
        }
        a->way.pc = next;
        if (!is_conditional_jump(i))
                return elfsym_effect_apply(&a->way, i);
        if (target > pc)
                keep_fork(a, target);
        if (i->map == ELFSYM_MAP_ONE && i->opcode < 0xe4 && i->opcode >= 0xe0) /* loop: it counts */
                a->way.registers[RCX].known = UNKNOWN;
        return true;
}

static bool follow_to_return(struct ahead *a)
{
        struct elfsym_instruction instruction;

        for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
                bool ok = fetch_instruction(a, &instruction);

                if (ok && is_return(&instruction) && a->way.registers[RSP].known == SUM)
                        return true;
                if ((!ok || is_return(&instruction) || !go_on(a, &instruction)) && !go_back(a))
                        return false;
        }
        return false;
}

/* ---- the rule ------------------------------------------------------------------------------ */

static const uint8_t bases[EFFECT_REGISTERS] = {
        ELFSYM_RAX, ELFSYM_RCX, ELFSYM_RDX, ELFSYM_RBX, ELFSYM_BASE_SP, ELFSYM_RBP, ELFSYM_RSI, ELFSYM_RDI,
        ELFSYM_R8,  ELFSYM_R9,  ELFSYM_R10, ELFSYM_R11, ELFSYM_R12,     ELFSYM_R13, ELFSYM_R14, ELFSYM_R15,
};

static void set_rule(struct elfsym_unwind *unwind, unsigned slot, struct value value)
{
        static const uint8_t hows[] = {
                [UNKNOWN] = ELFSYM_HOW_UNKNOWN, [SUM] = ELFSYM_HOW_VALUE, [STORED_AT_SUM] = ELFSYM_HOW_AT
        };

        unwind->how[slot] = ELFSYM_HOW(hows[value.known], bases[value.base]);
        unwind->offset[slot] = value.offset;
}

int elfsym_unwind_ahead(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                        struct elfsym_unwind *ret)
{
        struct ahead a;

        memset(&a, 0, offsetof(struct ahead, code));
        a.memory = memory;
        a.frames = frames;
        a.way.pc = pc;
        for (unsigned i = 0; i < EFFECT_REGISTERS; i++)
                a.way.registers[i] = (struct value){ .known = SUM, .base = (uint8_t)i };
        if (!follow_to_return(&a))
                return ELFSYM_E_NOT_FOUND;
        *ret = (struct elfsym_unwind){ .begin = pc, .end = pc + 1 };
        for (unsigned i = 0; i < EFFECT_REGISTERS; i++)
                if (bases[i] < ELFSYM_SAVED_MAX)
                        set_rule(ret, bases[i], a.way.registers[i]);
        set_rule(ret, ELFSYM_SLOT_CFA, elfsym_effect_add(a.way.registers[RSP], 8));
        ret->how[ELFSYM_SLOT_RETURN] = ELFSYM_HOW(ELFSYM_HOW_AT, ELFSYM_BASE_CFA);
        ret->offset[ELFSYM_SLOT_RETURN] = -8;
        return 0;
}

#else

int elfsym_unwind_ahead(const struct elfsym_memory *memory, const struct elfsym_frames *frames, uint64_t pc,
                        struct elfsym_unwind *ret)
{
        (void)memory;
        (void)frames;
        (void)pc;
        (void)ret;
        return ELFSYM_E_NOT_FOUND;
}

#endif
