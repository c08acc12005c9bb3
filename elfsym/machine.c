/* SPDX-License-Identifier: Apache-2.0 */
/* What the unwinding of stacks has to know of each machine. An image of another machine than this one is not opened. */
#include "table.h"

#include <dwarf.h>
#include <elf.h>

/* SPARC's, and no instruction of x86-64. On aarch64 it is DW_CFA_AARCH64_negate_ra_state. */
static const uint8_t window_save = DW_CFA_GNU_window_save;

/*
 * With pointer authentication the high bits of a return address are a signature: all above those that addresses of
 * programs can have (Linux Documentation/arch/arm64/pointer-authentication.rst). Those are 48 even where the kernel has
 * 52: nothing is mapped above unless the program asks for it (Documentation/arch/arm64/memory.rst).
 */
#define AARCH64_ADDRESS_BITS 48

/*
 * DWARF cannot say where aarch64's pc is beside its link register, so Linux gives the trampoline no entry
 * (arch/arm64/kernel/vdso/sigreturn.S). As LLVM's libunwind (D90898), this knows its two instructions: mov x8, #139
 * (__NR_rt_sigreturn); svc #0. The frame is struct rt_sigframe of arch/arm64/kernel/signal.c: a siginfo of 128 bytes,
 * then a ucontext, whose registers begin 184 bytes on, with sp and pc behind them.
 */
#define AARCH64_SIGRETURN              \
        {                              \
                0xd2801168, 0xd4000001 \
        }
#define AARCH64_SIGNAL_X(n) (128 + 184 + 8 * (n))

static const struct elfsym_machine machines[] = {
        { .elf = EM_X86_64,
          .general = { 3, 6, 12, 13, 14, 15, 0, 1, 2, 4, 5, 8, 9, 10, 11 },
          .sp = 7,
          .pc = 16,
          .frame_pointer = 1,
          .link = -1,
          .address_mask = UINT64_MAX,
          .refused = &window_save },
        { .elf = EM_AARCH64,
          .general = { 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 0,  1,  2, 3,
                       4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18 },
          .sp = 31,
          .pc = 32,
          .frame_pointer = 10,
          .link = 11,
          .sigreturn = AARCH64_SIGRETURN,
          .signal_saved = AARCH64_SIGNAL_X(19),
          .signal_sp = AARCH64_SIGNAL_X(31),
          .signal_pc = AARCH64_SIGNAL_X(32),
          .address_mask = (UINT64_C(1) << AARCH64_ADDRESS_BITS) - 1 },
};

#if defined(__aarch64__)
const struct elfsym_machine *const elfsym_machine = &machines[1];
#else
const struct elfsym_machine *const elfsym_machine = &machines[0];
#endif

uint64_t elfsym_unwind_address(uint64_t word)
{
        return word & elfsym_machine->address_mask;
}

uint8_t elfsym_base_of(uint64_t number)
{
        for (uint8_t i = 0; i < ELFSYM_GENERAL_MAX; i++)
                if (elfsym_machine->general[i] == number)
                        return i;
        if (number == elfsym_machine->sp)
                return ELFSYM_BASE_SP;
        return number == elfsym_machine->pc ? ELFSYM_BASE_PC : ELFSYM_BASE_OTHER;
}
