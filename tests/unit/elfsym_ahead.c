/* SPDX-License-Identifier: Apache-2.0 */
/* Rules without a table, by the code that is still to run. A library whose tables are right says what they have to be. */
#include "elfsym/elfsym.h"
#include "tests/fuzz/unwind.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <unistd.h>

SUITE(elfsym_ahead);

#if defined(__x86_64__)
#include "elfsym/instruction.h"

#define PAGE 4096
#define STACK IMAGE_BASE
#define RUNS_OUT(...) run((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), &regs)

static uint64_t words[32];

/* The caller of @code, behind which nothing is mapped. Word number i of its stack is 0x1000 + i. */
static int run(const uint8_t *code, size_t len, struct elfsym_registers *ret)
{
        static uint8_t pages[8 * PAGE];
        size_t size = (len + PAGE - 1) / PAGE * PAGE;
        uint64_t begin = IMAGE_BASE + size - len;
        const struct elfsym_frames frames = { .text_begin = begin, .text_end = begin + len };
        struct image_memory stack = { .bytes = (const uint8_t *)words, .len = sizeof(words) };
        struct elfsym_unwind unwind;

        cr_assert_leq(size, sizeof(pages));
        memcpy(pages + size - len, code, len);

        struct image_memory ctx = { .bytes = (const uint8_t *)guard_copy(pages, size), .len = size };
        const struct elfsym_memory memory = { image_read, &ctx };
        int r = elfsym_unwind_ahead(&memory, &frames, begin, &unwind);

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                words[i] = 0x1000 + i;
        *ret = (struct elfsym_registers){ .pc = begin, .sp = STACK, .known = (1u << ELFSYM_GENERAL_MAX) - 1 };
        ret->general[ELFSYM_RBX] = ret->general[ELFSYM_RBP] = STACK + 80;
        return r == 0 ? elfsym_unwind_step(&unwind, image_load, &stack, ret) : r;
}

Test(elfsym_ahead, what_functions_do_to_their_frame)
{
        static const struct {
                const char *what;
                uint8_t code[32];
                size_t len;
                uint64_t sp; /* of the caller, in words */
                uint64_t rbx;
        } cases[] = {
                { "ret", { 0xc3 }, 1, 1, STACK + 80 },
                { "ret 16", { 0xc2, 16, 0 }, 3, 1, STACK + 80 },
                { "pop rbx; ret", { 0x5b, 0xc3 }, 2, 2, 0x1000 },
                { "add rsp, 16; pop rbx; pop rbp; ret", { 0x48, 0x83, 0xc4, 16, 0x5b, 0x5d, 0xc3 }, 7, 5, 0x1002 },
                { "mov rbx, [rsp + 24]; add rsp, 32; ret",
                  { 0x48, 0x8b, 0x5c, 0x24, 24, 0x48, 0x83, 0xc4, 32, 0xc3 },
                  10,
                  5,
                  0x1003 },
                { "push rbx; mov ebx, 1; pop rbx; ret", { 0x53, 0xbb, 1, 0, 0, 0, 0x5b, 0xc3 }, 8, 1, STACK + 80 },
                { "mov rsp, rbx; pop rbx; ret", { 0x48, 0x89, 0xdc, 0x5b, 0xc3 }, 5, 12, 0x100a },
                { "leave; ret", { 0xc9, 0xc3 }, 2, 12, STACK + 80 },
                { "lea rsp, [rbp - 8]; pop rbx; ret", { 0x48, 0x8d, 0x65, 0xf8, 0x5b, 0xc3 }, 6, 11, 0x1009 },
                { "and rsp, -64; mov rsp, rbx; ret",
                  { 0x48, 0x83, 0xe4, 0xc0, 0x48, 0x89, 0xdc, 0xc3 },
                  8,
                  11,
                  STACK + 80 },
                { "vfmadd231pd zmm3, zmm1, [rax + 64]; vzeroupper; ret",
                  { 0x62, 0xf2, 0xf5, 0x48, 0xb8, 0x58, 1, 0xc5, 0xf8, 0x77, 0xc3 },
                  11,
                  1,
                  STACK + 80 },
                { "1: dec rcx; jne 1; pop rbx; ret", { 0x48, 0xff, 0xc9, 0x75, 0xfb, 0x5b, 0xc3 }, 7, 2, 0x1000 },
                { "1: test eax, eax; je 2; jmp 1; 2: pop rbx; ret",
                  { 0x85, 0xc0, 0x74, 2, 0xeb, 0xfa, 0x5b, 0xc3 },
                  8,
                  2,
                  0x1000 },
                { "je 1; call; ud2; 1: pop rbx; ret",
                  { 0x74, 7, 0xe8, 0, 0, 0, 0, 0x0f, 0x0b, 0x5b, 0xc3 },
                  11,
                  2,
                  0x1000 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct elfsym_registers regs;

                cr_expect_eq(run(cases[i].code, cases[i].len, &regs), 0, "%s", cases[i].what);
                cr_expect_eq(regs.sp, STACK + 8 * cases[i].sp, "%s", cases[i].what);
                cr_expect_eq(regs.pc, 0x1000 + cases[i].sp - 1, "%s", cases[i].what);
                cr_expect(regs.known >> ELFSYM_RBX & 1, "%s", cases[i].what);
                cr_expect_eq(regs.general[ELFSYM_RBX], cases[i].rbx, "%s", cases[i].what);
                cr_expect_eq(regs.known >> ELFSYM_SAVED_MAX, 0, "%s", cases[i].what);
        }
}

Test(elfsym_ahead, registers_of_which_nothing_is_known)
{
        struct elfsym_registers regs;

        cr_assert_eq(RUNS_OUT(0x31, 0xdb /* xor ebx, ebx */, 0xc3), 0);
        cr_expect_eq(regs.known >> ELFSYM_RBX & 1, 0);
        cr_assert_eq(RUNS_OUT(0xb7, 1 /* mov bh, 1 */, 0xc3), 0);
        cr_expect_eq(regs.known >> ELFSYM_RBX & 1, 0);
        cr_assert_eq(RUNS_OUT(0x48, 0x8b, 0x5c, 0x24, 0xf8 /* mov rbx, [rsp - 8] */, 0xc3), ELFSYM_E_RANGE);
        cr_assert_eq(RUNS_OUT(0x48, 0x8b, 0x1c, 0x37 /* mov rbx, [rdi + rsi] */, 0xc3), 0);
        cr_expect_eq(regs.known >> ELFSYM_RBX & 1, 0);
        /* What rbp leads to may be what was pushed a moment before. */
        cr_assert_eq(RUNS_OUT(0x53, 0x48, 0x8b, 0x5d, 0 /* push rbx; mov rbx, [rbp] */, 0x58, 0xc3), 0);
        cr_expect_eq(regs.known >> ELFSYM_RBX & 1, 0);
}

Test(elfsym_ahead, functions_that_get_no_rule)
{
        struct elfsym_registers regs;
        uint8_t code[20000];

        cr_expect_eq(RUNS_OUT(0xe8, 0, 0, 0, 0, 0xc3), ELFSYM_E_NOT_FOUND, "call");
        cr_expect_eq(RUNS_OUT(0xff, 0xd0, 0xc3), ELFSYM_E_NOT_FOUND, "call rax");
        cr_expect_eq(RUNS_OUT(0xff, 0xe0, 0xc3), ELFSYM_E_NOT_FOUND, "jmp rax");
        cr_expect_eq(RUNS_OUT(0xeb, 0xfe), ELFSYM_E_NOT_FOUND, "a loop without end");
        cr_expect_eq(RUNS_OUT(0xe9, 0, 0, 0, 0x80), ELFSYM_E_NOT_FOUND, "a jump out of the file");
        cr_expect_eq(RUNS_OUT(0x90), ELFSYM_E_NOT_FOUND, "no end");
        cr_expect_eq(RUNS_OUT(0x48, 0x83), ELFSYM_E_NOT_FOUND, "half an instruction");
        cr_expect_eq(RUNS_OUT(0x06, 0xc3), ELFSYM_E_NOT_FOUND, "no instruction");
        cr_expect_eq(RUNS_OUT(0x48, 0x89, 0xc4 /* mov rsp, rax */, 0xb0, 1, 0xc3), ELFSYM_E_DAMAGED);
        cr_expect_eq(RUNS_OUT(0x48, 0x83, 0xe4, 0xf0 /* and rsp, -16 */, 0xc3), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(RUNS_OUT(0x48, 0x8b, 0x24, 0x24 /* mov rsp, [rsp] */, 0xc3), ELFSYM_E_NOT_FOUND);
        memset(code, 0x90, sizeof(code));
        code[sizeof(code) - 1] = 0xc3;
        cr_expect_eq(run(code, sizeof(code), &regs), ELFSYM_E_NOT_FOUND, "too long");
        memset(code, 0x53, sizeof(code)); /* push rbx */
        code[100] = 0xc3;
        cr_expect_eq(run(code, 101, &regs), ELFSYM_E_NOT_FOUND, "too many stores");
}

/* ---- a library ---------------------------------------------------------------------- */

static ssize_t read_own(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct iovec local = { .iov_base = buf };

        (void)ctx;
        for (size_t i = 0; i < n; i++)
                local.iov_len += remote[i].iov_len;

        ssize_t got = process_vm_readv(getpid(), &local, 1, remote, n, 0);

        return got < 0 ? -errno : got;
}

/* Another value at each address, so that what is loaded from the same place is the same. */
static bool load_address(void *ctx, uint64_t addr, uint64_t *ret)
{
        (void)ctx;
        *ret = (addr * UINT64_C(0x9e3779b97f4a7c15)) | 1;
        return true;
}

struct comparison {
        const struct elfsym_memory *memory;
        const struct elfsym_frames *frames;
        unsigned compared, differ;
};

static void compare_at(struct comparison *c, uint64_t pc, const struct elfsym_unwind *by_table)
{
        struct elfsym_registers a = { .pc = pc, .sp = UINT64_C(1) << 40, .known = 0 }, b;
        struct elfsym_unwind ahead;

        if (elfsym_unwind_ahead(c->memory, c->frames, pc, &ahead) != 0)
                return;
        b = a;
        /* Without other registers than sp: where one of the two needs one, they are not compared. */
        if (elfsym_unwind_step(by_table, load_address, NULL, &a) != 0 ||
            elfsym_unwind_step(&ahead, load_address, NULL, &b) != 0)
                return;
        c->compared++;
        c->differ += a.pc != b.pc || a.sp != b.sp;
        cr_expect_eq(a.sp, b.sp, "at %#lx", pc - c->frames->bias);
}

static bool is_padding(const struct elfsym_instruction *i)
{
        return (i->map == ELFSYM_MAP_0F && i->opcode == 0x1f) || (i->map == ELFSYM_MAP_ONE && i->opcode == 0x90);
}

static bool goes_elsewhere(const struct elfsym_instruction *i)
{
        return i->map == ELFSYM_MAP_ONE && (i->opcode == 0xc3 || i->opcode == 0xe9 || i->opcode == 0xeb ||
                                            (i->opcode == 0xff && (i->reg & 7) == 4));
}

/* libm has functions of many shapes. Its tables are exact for each address, as the compiler has made them. */
Test(elfsym_ahead, rules_are_those_of_tables)
{
        const struct elfsym_memory memory = { read_own, NULL };
        struct elfsym_frames frames;
        struct comparison c = { .memory = &memory, .frames = &frames };
        struct elfsym_instruction instruction;
        struct elfsym_unwind unwind;
        bool known = false, dead = false;
        void *library = dlopen("libm.so.6", RTLD_NOW);
        Dl_info info;

        cr_assert_neq(library, NULL);
        cr_assert_neq(dladdr(dlsym(library, "cos"), &info), 0);
        cr_assert_eq(elfsym_frames_open(&memory, (uintptr_t)info.dli_fbase, &frames), 0);
        for (uint64_t pc = frames.text_begin; pc + 15 < frames.text_end && c.compared < 10000;) {
                if (!known || pc >= unwind.end)
                        known = elfsym_unwind_find(&memory, &frames, pc, &unwind) == 0;
                bool decoded = elfsym_instruction_decode((const void *)(uintptr_t)pc, 15, &instruction);

                if (known && !(dead && decoded && is_padding(&instruction)))
                        compare_at(&c, pc, &unwind);
                dead = known && decoded && (goes_elsewhere(&instruction) || (dead && is_padding(&instruction)));
                pc += known && decoded ? instruction.len : 1;
        }
        cr_expect_gt(c.compared, 5000);
        cr_expect_eq(c.differ, 0, "%u of %u", c.differ, c.compared);
}
#else
Test(elfsym_ahead, is_for_x86_64)
{
        struct elfsym_unwind unwind;

        cr_expect_eq(elfsym_unwind_ahead(NULL, NULL, 0, &unwind), ELFSYM_E_NOT_FOUND);
}
#endif
