/* SPDX-License-Identifier: Apache-2.0 */
/* Unwinding tables that no compiler makes: each is refused, or gives an answer, soon and without a read beyond it. */
#include "elfsym/elfsym.h"
#include "tests/fuzz/unwind.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <dwarf.h>
#include <sys/resource.h>

SUITE(elfsym_unwind_forged);

#define PC (IMAGE_BASE + IMAGE_TEXT + 0x10)

/* What the image says of PC. */
static int find_in(const struct image *image, struct elfsym_unwind *ret)
{
        struct image_memory ctx = { .bytes = (const uint8_t *)guard_copy(image->bytes, IMAGE_SIZE), .len = IMAGE_SIZE };
        const struct elfsym_memory memory = { image_read, &ctx };
        struct elfsym_frames frames;
        int r = elfsym_frames_open(&memory, IMAGE_BASE, &frames);

        if (r != 0)
                return r;
        ctx.reads = 0;
        r = elfsym_unwind_find(&memory, &frames, PC, ret);
        cr_expect_leq(ctx.reads, 8);
        return r;
}

/* What it says with these instructions in its FDE. */
static int find_with(const void *instructions, size_t len, struct elfsym_unwind *ret)
{
        struct image image;

        image_make(&image);
        image_put_fde(&image, instructions, len);
        return find_in(&image, ret);
}

#define FIND_WITH(ret, ...) find_with((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), ret)

/* A stack of words, at IMAGE_BASE for its step. */
static int step_with(const struct elfsym_unwind *unwind, const uint64_t *words, size_t len,
                     struct elfsym_registers *regs)
{
        struct image_memory ctx = { .bytes = (const uint8_t *)words, .len = len };

        return elfsym_unwind_step(unwind, image_load, &ctx, regs);
}

static const uint64_t stack[] = { 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, 0x7777, 0x8888 };

static int step_on_stack(const struct elfsym_unwind *unwind, struct elfsym_registers *ret)
{
        *ret = (struct elfsym_registers){ .pc = PC, .sp = IMAGE_BASE };
        return step_with(unwind, stack, sizeof(stack), ret);
}

Test(elfsym_unwind_forged, the_image_is_right_before_it_is_forged)
{
        struct image image;
        struct image_memory ctx = { .bytes = image.bytes, .len = IMAGE_SIZE };
        const struct elfsym_memory memory = { image_read, &ctx };
        struct elfsym_frames frames;
        struct elfsym_unwind unwind;
        struct elfsym_registers regs;
        uint64_t function = 0;

        image_make(&image);
        cr_assert_eq(elfsym_frames_open(&memory, IMAGE_BASE, &frames), 0);
        cr_expect_eq(frames.bias, IMAGE_BASE);
        cr_expect_eq(frames.text_begin, IMAGE_BASE);
        cr_expect_eq(frames.text_end, IMAGE_BASE + IMAGE_SIZE);
        cr_expect_eq(frames.hdr, IMAGE_BASE + IMAGE_HDR);
        cr_expect_eq(frames.entries, 1);
        cr_expect_str_eq(frames.build_id, "0123abff");
        cr_assert_eq(find_in(&image, &unwind), 0);
        cr_expect_eq(unwind.begin, IMAGE_BASE + IMAGE_TEXT);
        cr_expect_eq(unwind.end, IMAGE_BASE + IMAGE_TEXT_END);
        cr_assert_eq(elfsym_unwind_function(&memory, &frames, IMAGE_BASE + IMAGE_TEXT_END - 1, &function), 0);
        cr_expect_eq(function, IMAGE_BASE + IMAGE_TEXT);
        cr_expect_eq(elfsym_unwind_function(&memory, &frames, IMAGE_BASE + IMAGE_TEXT_END, &function),
                     ELFSYM_E_NOT_FOUND);
        cr_expect_not(unwind.is_signal);
        cr_assert_eq(step_on_stack(&unwind, &regs), 0);
        cr_expect_eq(regs.pc, 0x2222);
        cr_expect_eq(regs.sp, IMAGE_BASE + 16);
        cr_expect_eq(elfsym_unwind_find(&memory, &frames, IMAGE_BASE + IMAGE_TEXT_END, &unwind), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_unwind_find(&memory, &frames, IMAGE_BASE + IMAGE_TEXT - 1, &unwind), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_unwind_find(&memory, &frames, 0, &unwind), ELFSYM_E_NOT_FOUND);
        cr_expect_eq(elfsym_unwind_find(&memory, &frames, UINT64_MAX, &unwind), ELFSYM_E_NOT_FOUND);
}

/* libdw says that a row which is restored begins where it was remembered. */
Test(elfsym_unwind_forged, rows_have_their_own_ranges)
{
        struct elfsym_unwind unwind;

        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_advance_loc + 4, DW_CFA_remember_state, DW_CFA_advance_loc + 4,
                               DW_CFA_def_cfa_offset, 24, DW_CFA_advance_loc + 6, DW_CFA_restore_state,
                               DW_CFA_advance_loc1, 0x20, DW_CFA_def_cfa_offset, 32),
                     0);
        cr_expect_eq(unwind.begin, IMAGE_BASE + IMAGE_TEXT + 14);
        cr_expect_eq(unwind.end, IMAGE_BASE + IMAGE_TEXT + 14 + 0x20);
}

Test(elfsym_unwind_forged, cut_at_every_length)
{
        struct image image;

        image_make(&image);
        for (size_t len = 0; len <= IMAGE_SIZE; len++)
                image_exercise((const uint8_t *)guard_copy(image.bytes, len), len);
}

Test(elfsym_unwind_forged, lengths)
{
        static const uint32_t lengths[] = { 0, 1, 4, 7, 8193, 1 << 20, 0x7fffffff, 0xfffffff0, 0xffffffff };
        static const size_t places[] = { IMAGE_CIE, IMAGE_FDE };

        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
                for (size_t k = 0; k < 2; k++) {
                        struct image image;
                        struct elfsym_unwind unwind;

                        image_make(&image);
                        image_put(&image, places[k], &lengths[i], sizeof(lengths[i]));
                        cr_expect_eq(find_in(&image, &unwind), ELFSYM_E_DAMAGED, "%#x at %zu", lengths[i], places[k]);
                }
}

/* An FDE's CIE is wherever its distance leads. */
Test(elfsym_unwind_forged, a_cie_anywhere)
{
        for (uint64_t distance = 0; distance < 1 << 12; distance++) {
                struct image image;
                struct elfsym_unwind unwind;
                uint32_t id = (uint32_t)(distance << 20 | distance);

                if (id == IMAGE_FDE + 4 - IMAGE_CIE)
                        continue;
                image_make(&image);
                image_put(&image, IMAGE_FDE + 4, &id, sizeof(id));
                cr_expect_neq(find_in(&image, &unwind), 0, "%#x", id);
                id = (uint32_t)distance;
                image_put(&image, IMAGE_FDE + 4, &id, sizeof(id));
                if (id != IMAGE_FDE + 4 - IMAGE_CIE)
                        cr_expect_neq(find_in(&image, &unwind), 0, "%#x", id);
        }
}

/* Every one would make libdw allocate up to 2 GB. */
Test(elfsym_unwind_forged, huge_register_numbers)
{
        struct rlimit memory = { .rlim_cur = 256 << 20, .rlim_max = 256 << 20 };
        struct elfsym_unwind unwind;

#if !defined(__SANITIZE_ADDRESS__) /* its shadow takes more */
        cr_assert_eq(setrlimit(RLIMIT_AS, &memory), 0);
#endif
        (void)memory;
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_undefined, 0xff, 0xff, 0xff, 0x3f), ELFSYM_E_DAMAGED);
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_offset_extended, 0xff, 0xff, 0xff, 0x3f, 1), ELFSYM_E_DAMAGED);
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_register, 0xff, 0xff, 0xff, 0x3f, 3), ELFSYM_E_DAMAGED);
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_restore_extended, 0xff, 0xff, 0xff, 0x3f), ELFSYM_E_DAMAGED);
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_def_cfa, 0x83, 1, 0), ELFSYM_E_DAMAGED, "131");
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_undefined, 0x82, 1), 0, "130");
        cr_expect_eq(
                FIND_WITH(&unwind, DW_CFA_undefined, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1),
                ELFSYM_E_DAMAGED, "11 bytes");
}

Test(elfsym_unwind_forged, states_that_are_remembered)
{
        uint8_t instructions[600];
        struct elfsym_unwind unwind;

        memset(instructions, DW_CFA_remember_state, sizeof(instructions));
        cr_expect_eq(find_with(instructions, 16, &unwind), 0);
        cr_expect_eq(find_with(instructions, 17, &unwind), ELFSYM_E_DAMAGED);
        cr_expect_eq(find_with(instructions, sizeof(instructions), &unwind), ELFSYM_E_DAMAGED);
        cr_expect_eq(FIND_WITH(&unwind, DW_CFA_restore_state), ELFSYM_E_DAMAGED);
}

Test(elfsym_unwind_forged, operands_that_are_missing)
{
        for (unsigned code = 1; code < 0x40; code++)
                for (size_t len = 1; len < 4; len++) {
                        uint8_t instructions[] = { 0, 0, 0, 0 };
                        struct elfsym_unwind unwind;

                        memset(instructions, 0x81, sizeof(instructions)); /* a LEB128 number that goes on */
                        instructions[0] = (uint8_t)code;
                        (void)find_with(instructions, len, &unwind);
                }
}

static int find_with_cfa(const uint8_t *expression, size_t len, struct elfsym_unwind *ret)
{
        uint8_t instructions[200] = { DW_CFA_def_cfa_expression, (uint8_t)len };

        cr_assert_leq(len, 127);
        memcpy(instructions + 2, expression, len);
        return find_with(instructions, len + 2, ret);
}

#define BREG_SP (DW_OP_breg0 + IMAGE_SP)

/* What cannot be computed is a CFA that is not known: too many operations, too few values, numbers too large. */
Test(elfsym_unwind_forged, expressions)
{
        static const struct {
                uint8_t bytes[20];
                size_t len;
                int found;
                int stepped;
        } cases[] = {
                { { BREG_SP, 8, DW_OP_lit8, DW_OP_plus }, 4, 0, 0 },
                { { BREG_SP, 8, DW_OP_lit3, DW_OP_lit3, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus }, 8, 0, 0 },
                { { BREG_SP, 0, DW_OP_plus_uconst, 16 }, 4, 0, 0 },
                { { BREG_SP, 8, DW_OP_dup, DW_OP_drop, DW_OP_lit31, DW_OP_lit23, DW_OP_minus, DW_OP_plus }, 8, 0, 0 },
                { { BREG_SP, 4, DW_OP_lit8, DW_OP_plus }, 4, 0, ELFSYM_E_DAMAGED },
                { { BREG_SP, 0x78 }, 2, 0, ELFSYM_E_DAMAGED },
                { { DW_OP_lit16 }, 1, 0, ELFSYM_E_DAMAGED },
                { { DW_OP_lit16, DW_OP_deref }, 2, 0, ELFSYM_E_RANGE },
                { { DW_OP_plus }, 1, 0, ELFSYM_E_UNKNOWN_REGISTER },
                { { DW_OP_lit1, DW_OP_drop }, 2, 0, ELFSYM_E_UNKNOWN_REGISTER },
                { { BREG_SP, 0, DW_OP_const4u, 0xff, 0xff, 0xff, 0x7f, DW_OP_and }, 8, 0, ELFSYM_E_UNKNOWN_REGISTER },
                { { DW_OP_breg0, 0 }, 2, 0, ELFSYM_E_UNKNOWN_REGISTER },
                { { DW_OP_dup, DW_OP_dup, DW_OP_dup }, 3, 0, ELFSYM_E_UNKNOWN_REGISTER },
                { { DW_OP_lit1, DW_OP_dup, DW_OP_dup, DW_OP_dup, DW_OP_dup, DW_OP_dup, DW_OP_dup, DW_OP_dup, DW_OP_dup,
                    DW_OP_dup, DW_OP_dup },
                  11,
                  0,
                  ELFSYM_E_UNKNOWN_REGISTER },
                { { 0 }, 0, ELFSYM_E_DAMAGED, 0 },
                { { DW_OP_addr, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, ELFSYM_E_DAMAGED, 0 },
                { { DW_OP_implicit_value, 1, 1 }, 3, ELFSYM_E_DAMAGED, 0 },
                { { DW_OP_bregx, 0x83, 1, 0 }, 4, ELFSYM_E_DAMAGED, 0 },
                { { DW_OP_skip, 0xfd, 0xff }, 3, ELFSYM_E_DAMAGED, 0 },
                { { DW_OP_const8u, 1 }, 2, ELFSYM_E_DAMAGED, 0 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct elfsym_unwind unwind;
                struct elfsym_registers regs;
                int r = find_with_cfa(cases[i].bytes, cases[i].len, &unwind);

                cr_expect_eq(r, cases[i].found, "case %zu: found %d", i, r);
                if (r != 0)
                        continue;
                r = step_on_stack(&unwind, &regs);
                cr_expect_eq(r, cases[i].stepped, "case %zu: stepped %d", i, r);
                if (r == 0)
                        cr_expect_eq(regs.sp, IMAGE_BASE + 16, "case %zu", i);
        }
}

Test(elfsym_unwind_forged, expressions_that_are_long)
{
        uint8_t bytes[100];
        struct elfsym_unwind unwind;

        memset(bytes, DW_OP_lit1, sizeof(bytes));
        cr_expect_eq(find_with_cfa(bytes, 64, &unwind), 0);
        cr_expect_eq(find_with_cfa(bytes, 65, &unwind), ELFSYM_E_DAMAGED);
}

/* As in libcrypto's ChaCha20. Only the innermost frame has such a register: the function's caller gets none. */
Test(elfsym_unwind_forged, a_frame_whose_place_is_in_a_scratch_register)
{
        struct elfsym_registers regs = { .pc = PC, .sp = IMAGE_BASE, .known = 1u << IMAGE_SCRATCH_REGISTER };
        struct elfsym_unwind unwind;

        regs.general[IMAGE_SCRATCH_REGISTER] = IMAGE_BASE + 16;
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa, IMAGE_SCRATCH, 8), 0);
        cr_assert_eq(step_with(&unwind, stack, sizeof(stack), &regs), 0);
        cr_expect_eq(regs.pc, 0x3333);
        cr_expect_eq(regs.sp, IMAGE_BASE + 24);
        cr_expect_eq(regs.known, 0);
        cr_expect_eq(step_with(&unwind, stack, sizeof(stack), &regs), ELFSYM_E_UNKNOWN_REGISTER);
}

/* A function may keep one of its caller's registers in a scratch register, or compute its place from one. */
Test(elfsym_unwind_forged, what_is_in_a_scratch_register)
{
        struct elfsym_registers regs = { .pc = PC, .sp = IMAGE_BASE, .known = 1u << IMAGE_SCRATCH_REGISTER };
        struct elfsym_unwind unwind;

        regs.general[IMAGE_SCRATCH_REGISTER] = 0xabcd;
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_register, IMAGE_FIRST_SAVED, IMAGE_SCRATCH), 0);
        cr_assert_eq(step_with(&unwind, stack, sizeof(stack), &regs), 0);
        cr_expect_eq(regs.known, 1u << 0);
        cr_expect_eq(regs.general[0], 0xabcd);
        regs = (struct elfsym_registers){ .pc = PC, .sp = IMAGE_BASE, .known = 1u << IMAGE_SCRATCH_REGISTER };
        regs.general[IMAGE_SCRATCH_REGISTER] = IMAGE_BASE;
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_expression, 4, DW_OP_breg0 + IMAGE_SCRATCH, 8, DW_OP_lit8,
                               DW_OP_plus),
                     0);
        cr_assert_eq(step_with(&unwind, stack, sizeof(stack), &regs), 0);
        cr_expect_eq(regs.sp, IMAGE_BASE + 16);
}

/* A caller's sp that is not above would lead round in circles. */
Test(elfsym_unwind_forged, stacks_that_do_not_end)
{
        struct elfsym_unwind unwind;
        struct elfsym_registers regs;

        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_offset, 0), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_DAMAGED);
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_offset, 20), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_DAMAGED, "not a multiple of 8");
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x80, 1), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_UNKNOWN_REGISTER, "further than 2 GiB");
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_offset, 0x80, 1), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_RANGE);
        cr_expect_eq(regs.sp, IMAGE_BASE, "as it was");
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_same_value, IMAGE_RA), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_UNKNOWN_REGISTER, "the return address nowhere");
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_undefined, IMAGE_RA), 0);
        cr_expect_eq(step_on_stack(&unwind, &regs), ELFSYM_E_END);
}

Test(elfsym_unwind_forged, by_frame_pointer)
{
        struct image_memory ctx = { .bytes = (const uint8_t *)stack, .len = sizeof(stack) };
#if defined(__aarch64__)
        enum { FP = ELFSYM_X29 };
#else
        enum { FP = ELFSYM_RBP };
#endif
        struct elfsym_registers regs = { .pc = PC, .sp = IMAGE_BASE, .known = 1u << FP };

        regs.general[FP] = IMAGE_BASE + 16;
        cr_assert_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), 0);
        cr_expect_eq(regs.pc, 0x4444);
        cr_expect_eq(regs.sp, IMAGE_BASE + 32);
        cr_expect_eq(regs.general[FP], 0x3333);
        cr_expect_eq(regs.known, 1u << FP);
        cr_expect_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), ELFSYM_E_DAMAGED);
        regs.general[FP] = regs.sp - 16;
        cr_expect_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), ELFSYM_E_DAMAGED, "a circle");
        regs.general[FP] = 0;
        cr_expect_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), ELFSYM_E_END);
        regs.general[FP] = IMAGE_BASE + sizeof(stack);
        cr_expect_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), ELFSYM_E_RANGE);
        regs.known = 0;
        cr_expect_eq(elfsym_unwind_by_frame_pointer(image_load, &ctx, &regs), ELFSYM_E_UNKNOWN_REGISTER);
}

#if defined(__aarch64__)
/* A return address may be in the link register, but only once: then the function has made no call. */
Test(elfsym_unwind_forged, the_link_register)
{
        struct elfsym_registers regs = { .pc = PC, .sp = IMAGE_BASE, .known = 1u << ELFSYM_X30 };
        struct elfsym_unwind unwind;

        regs.general[ELFSYM_X30] = UINT64_C(0xab55555555551234); /* signed */
        cr_assert_eq(FIND_WITH(&unwind, DW_CFA_def_cfa_offset, 0, DW_CFA_same_value, IMAGE_RA, DW_CFA_GNU_window_save),
                     0);
        cr_assert_eq(step_with(&unwind, stack, sizeof(stack), &regs), 0);
        cr_expect_eq(regs.pc, 0x555555551234);
        cr_expect_eq(regs.sp, IMAGE_BASE);
        cr_expect_eq(step_with(&unwind, stack, sizeof(stack), &regs), ELFSYM_E_UNKNOWN_REGISTER);
}

/* Linux gives it no entry. */
Test(elfsym_unwind_forged, a_signal_frame_without_an_entry)
{
        static const uint32_t code[] = { 0xd503201f, 0xd2801168, 0xd4000001 };
        uint64_t words[72];
        struct image image;
        struct image_memory ctx = { .bytes = image.bytes, .len = IMAGE_SIZE };
        const struct elfsym_memory memory = { image_read, &ctx };
        struct elfsym_registers regs = { .pc = PC, .sp = IMAGE_BASE };
        struct elfsym_frames frames;
        struct elfsym_unwind unwind;

        for (size_t i = 0; i < 72; i++)
                words[i] = 8 * i;
        image_make(&image);
        image_put(&image, IMAGE_TEXT - 12, code, sizeof(code));
        cr_assert_eq(elfsym_frames_open(&memory, IMAGE_BASE, &frames), 0);
        cr_assert_eq(elfsym_unwind_find(&memory, &frames, IMAGE_BASE + IMAGE_TEXT - 8, &unwind), 0);
        cr_assert_eq(elfsym_unwind_find(&memory, &frames, IMAGE_BASE + IMAGE_TEXT - 9, &unwind), 0);
        cr_expect_eq(elfsym_unwind_find(&memory, &frames, IMAGE_BASE + IMAGE_TEXT - 12, &(struct elfsym_unwind){ 0 }),
                     ELFSYM_E_NOT_FOUND);
        cr_expect(unwind.is_signal);
        cr_assert_eq(step_with(&unwind, words, sizeof(words), &regs), 0);
        cr_expect_eq(regs.sp, 560);
        cr_expect_eq(regs.pc, 568);
        cr_expect_eq(regs.general[ELFSYM_X19], 464);
        cr_expect_eq(regs.known, (1u << ELFSYM_SAVED_MAX) - 1);
}
#endif
