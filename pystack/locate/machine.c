/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machines. All of them are compiled in on each one, so that each can be tested, and its recordings replayed, on
 * any.
 *
 * Where the values come from: glibc's _thread_db_pthread_tid says where the TID is (2.31 to 2.43); the code of musl's
 * gettid() and pthread_self() does (1.2). A mutex has 48 bytes in glibc for aarch64, else 40. The sizes and offsets
 * of aarch64 agree with the code of Debian's 2.7, 3.9 and 3.11 (_PyThreadState_UncheckedGet).
 */
#include "machine.h"

#include <string.h>

/* ---- x86-64 -------------------------------------------------------------------- */

/* Prologues that compilers put before the code, with -fcf-protection and without optimisation. */
static const struct {
        uint8_t len;
        uint8_t bytes[4];
} prologues[] = {
        { 4, { 0xf3, 0x0f, 0x1e, 0xfa } }, /* endbr64 */
        { 4, { 0x55, 0x48, 0x89, 0xe5 } }, /* push %rbp; mov %rsp,%rbp */
};

/* mov DISTANCE(%rip),%rax: the distance counts from the next instruction. */
static const uint8_t mov[3] = { 0x48, 0x8b, 0x05 };
#define MOV_LEN 7

static uint64_t decode_x86_64(const uint8_t code[static 16], uint64_t address)
{
        int32_t distance;
        size_t at = 0;

        for (size_t i = 0; i < sizeof prologues / sizeof *prologues; i++)
                if (memcmp(code + at, prologues[i].bytes, prologues[i].len) == 0)
                        at += prologues[i].len;
        if (memcmp(code + at, mov, sizeof mov) != 0)
                return 0;
        memcpy(&distance, code + at + sizeof mov, sizeof distance);
        at += MOV_LEN;
        /* ret, or pop %rbp; ret */
        if (code[at] != 0xc3 && code[at] != 0x5d)
                return 0;
        return address + at + (uint64_t)(int64_t)distance;
}

/* ---- aarch64 ------------------------------------------------------------------- */

#define BTI_C 0xd503245fu /* with -mbranch-protection */
#define RET 0xd65f03c0u

/* adrp x0, PAGE: 21 bits of distance in pages, the lowest two at bit 29. */
#define IS_ADRP_X0(i) (((i)&0x9f00001fu) == 0x90000000u)
/* ldr x0, [x0, #OFFSET]: 12 bits, in words of 8 bytes. */
#define IS_LDR_X0(i) (((i)&0xffc003ffu) == 0xf9400000u)
/* add x0, x0, #OFFSET: 12 bits; then the load has none. */
#define IS_ADD_X0(i) (((i)&0xffc003ffu) == 0x91000000u)
#define LDR_X0_X0 0xf9400000u
#define IMMEDIATE(i) ((uint64_t)(i) >> 10 & 0xfff)

static uint64_t page_of_adrp(uint32_t adrp, uint64_t address)
{
        uint64_t pages = (uint64_t)(adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
        uint64_t sign = (uint64_t)1 << 20;

        return (address & ~(uint64_t)0xfff) + (((pages ^ sign) - sign) << 12);
}

static uint64_t decode_aarch64(const uint8_t code[static 16], uint64_t address)
{
        uint32_t i[5] = { 0 };

        memcpy(i, code, 16);
        if (i[0] == BTI_C) {
                memmove(i, i + 1, 3 * sizeof *i);
                i[3] = RET; /* the instruction behind was not read; it does not matter in this case */
                address += 4;
        }
        if (!IS_ADRP_X0(i[0]))
                return 0;
        if (IS_LDR_X0(i[1]) && i[2] == RET)
                return page_of_adrp(i[0], address) + 8 * IMMEDIATE(i[1]);
        if (IS_ADD_X0(i[1]) && i[2] == LDR_X0_X0 && i[3] == RET)
                return page_of_adrp(i[0], address) + IMMEDIATE(i[1]);
        return 0;
}

/* -------------------------------------------------------------------------------- */

static const struct machine machines[] = {
        [MACHINE_X86_64] = {
                .name = "x86_64",
                .rseq = true,
                .libcs = { [MACHINE_GLIBC] = { .tid = 720 }, [MACHINE_MUSL] = { .tid = 48 } },
                .decode_head = decode_x86_64,
        },
        [MACHINE_AARCH64] = {
                .name = "aarch64",
                .libcs = { [MACHINE_GLIBC] = { .tid = 208, .mutexes = 16 }, [MACHINE_MUSL] = { .tid = 32 } },
                .decode_head = decode_aarch64,
        },
};

const struct machine *machine_get(uint64_t kind)
{
        return kind < sizeof machines / sizeof *machines ? &machines[kind] : NULL;
}

enum machine_kind machine_here(void)
{
#if defined __x86_64__
        return MACHINE_X86_64;
#elif defined __aarch64__
        return MACHINE_AARCH64;
#else
#error "podflame reads Pythons on x86-64 and aarch64"
#endif
}
