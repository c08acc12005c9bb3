/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_context.h"

#include <asm/perf_regs.h>
#include <string.h>

/* Which of the kernel's registers is which of elfsym's. The kernel writes registers in the order of its numbers. */
struct register_place {
        uint8_t number;  /* the kernel's: arch/.../include/uapi/asm/perf_regs.h */
        uint8_t general; /* elfsym's, or one of the two below */
};
enum { PLACE_PC = 0xfe, PLACE_SP = 0xff };

#if defined __x86_64__
static const struct register_place places[] = {
        { PERF_REG_X86_AX, ELFSYM_RAX },  { PERF_REG_X86_BX, ELFSYM_RBX },  { PERF_REG_X86_CX, ELFSYM_RCX },
        { PERF_REG_X86_DX, ELFSYM_RDX },  { PERF_REG_X86_SI, ELFSYM_RSI },  { PERF_REG_X86_DI, ELFSYM_RDI },
        { PERF_REG_X86_BP, ELFSYM_RBP },  { PERF_REG_X86_SP, PLACE_SP },    { PERF_REG_X86_IP, PLACE_PC },
        { PERF_REG_X86_R8, ELFSYM_R8 },   { PERF_REG_X86_R9, ELFSYM_R9 },   { PERF_REG_X86_R10, ELFSYM_R10 },
        { PERF_REG_X86_R11, ELFSYM_R11 }, { PERF_REG_X86_R12, ELFSYM_R12 }, { PERF_REG_X86_R13, ELFSYM_R13 },
        { PERF_REG_X86_R14, ELFSYM_R14 }, { PERF_REG_X86_R15, ELFSYM_R15 },
};
#elif defined __aarch64__
#define ONE(kernel, elfsym, n)                 \
        {                                      \
                (kernel) + (n), (elfsym) + (n) \
        }
#define FOUR(kernel, elfsym, n) \
        ONE(kernel, elfsym, n), ONE(kernel, elfsym, (n) + 1), ONE(kernel, elfsym, (n) + 2), ONE(kernel, elfsym, (n) + 3)
static const struct register_place places[] = {
        FOUR(PERF_REG_ARM64_X0, ELFSYM_X0, 0),   FOUR(PERF_REG_ARM64_X0, ELFSYM_X0, 4),
        FOUR(PERF_REG_ARM64_X0, ELFSYM_X0, 8),   FOUR(PERF_REG_ARM64_X0, ELFSYM_X0, 12),
        ONE(PERF_REG_ARM64_X0, ELFSYM_X0, 16),   ONE(PERF_REG_ARM64_X0, ELFSYM_X0, 17),
        ONE(PERF_REG_ARM64_X0, ELFSYM_X0, 18),   FOUR(PERF_REG_ARM64_X19, ELFSYM_X19, 0),
        FOUR(PERF_REG_ARM64_X19, ELFSYM_X19, 4), FOUR(PERF_REG_ARM64_X19, ELFSYM_X19, 8),
        { PERF_REG_ARM64_SP, PLACE_SP },         { PERF_REG_ARM64_PC, PLACE_PC },
};
#else
#error "the registers of this machine are not known"
#endif

#define PLACES (sizeof places / sizeof *places)

void perf_context_ask(struct perf_event_attr *attr)
{
        attr->sample_type |= PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_REGS_USER;
        attr->exclude_callchain_user = 1;
        attr->sample_max_stack = PERF_KERNEL_MAX;
        for (size_t i = 0; i < PLACES; i++)
                attr->sample_regs_user |= (uint64_t)1 << places[i].number;
}

/* A record's rest, as 64-bit words. */
struct words {
        const uint64_t *at;
        size_t left;
};

static bool next_word(struct words *words, uint64_t *ret)
{
        if (words->left == 0)
                return false;
        *ret = *words->at++;
        words->left--;
        return true;
}

/* Addresses above this are marks: PERF_CONTEXT_KERNEL and its kin. */
static bool is_mark(uint64_t ip)
{
        return ip >= (uint64_t)PERF_CONTEXT_MAX;
}

static bool read_kernel(struct words *words, struct perf_context *ret)
{
        uint64_t n, ip;

        ret->n_kernel = 0;
        if (!next_word(words, &n) || n > words->left)
                return false;
        while (n-- > 0) {
                if (!next_word(words, &ip))
                        return false;
                if (!is_mark(ip) && ret->n_kernel < PERF_KERNEL_MAX)
                        ret->kernel[ret->n_kernel++] = ip;
        }
        return true;
}

static void put_register(struct elfsym_registers *registers, const struct register_place *place, uint64_t value)
{
        if (place->general == PLACE_PC) {
                registers->pc = value;
        } else if (place->general == PLACE_SP) {
                registers->sp = value;
        } else {
                registers->general[place->general] = value;
                registers->known |= 1u << place->general;
        }
}

static bool read_registers(struct words *words, struct perf_context *ret)
{
        uint64_t abi, value;

        ret->registers = (struct elfsym_registers){ 0 };
        ret->has_registers = false;
        if (!next_word(words, &abi))
                return false;
        if (abi == PERF_SAMPLE_REGS_ABI_NONE)
                return true;
        for (size_t i = 0; i < PLACES; i++) {
                if (!next_word(words, &value))
                        return false;
                put_register(&ret->registers, &places[i], value);
        }
        ret->has_registers = abi == PERF_SAMPLE_REGS_ABI_64;
        return true;
}

bool perf_context_read(const void *bytes, size_t size, struct perf_context *ret)
{
        struct words words = { bytes, size / sizeof(uint64_t) };

        return read_kernel(&words, ret) && read_registers(&words, ret) && words.left == 0;
}
