/* SPDX-License-Identifier: Apache-2.0 */
/* The unwinding of C stacks as a forger may lay them out: without an end, of one frame, of ever new code. */
#include "tests/unit/support/suite.h"

#include "pystack/native/unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(pystack_native);

#define CODE 0x400000u
#define CODE_SIZE 0x1000000u
#define STACK 0x7f0000000000u

/*
 * A process whose code has no table, so that frame pointers lead on. Its memory, from STACK on, is made up: word i of the
 * stack is as @word says.
 */
struct forged {
        struct pystack py;
        struct code_range range;
        struct images images;
        struct rules rules;
        struct native_stack stack;
        struct unwound unwound;
        uint64_t (*word)(uint64_t addr);
        size_t read;         /* bytes, so far */
        size_t codes;        /* readings of code, so far */
        const uint8_t *code; /* a page at CODE; NULL: it cannot be read */
};

static ssize_t read_forged(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct forged *f = ctx;
        size_t done = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t addr = (uintptr_t)remote[i].iov_base;
                f->codes += addr < STACK;
                if (f->code && addr >= CODE && addr + remote[i].iov_len <= CODE + 4096) {
                        memcpy((uint8_t *)buf + done, f->code + (addr - CODE), remote[i].iov_len);
                        done += remote[i].iov_len;
                        continue;
                }
                if (addr < STACK)
                        return done > 0 ? (ssize_t)done : -EFAULT;
                for (size_t k = 0; k + 8 <= remote[i].iov_len; k += 8) {
                        uint64_t word = f->word(addr + k);
                        memcpy((uint8_t *)buf + done + k, &word, sizeof word);
                }
                done += remote[i].iov_len;
        }
        f->read += done;
        return (ssize_t)done;
}

static struct forged *begin(uint64_t (*word)(uint64_t addr))
{
        static struct native_frame frames[PYSTACK_NATIVE_MAX];
        struct forged *f = calloc(1, sizeof *f);

        f->word = word;
        f->py.memory = (struct pystack_memory){ .read = read_forged, .ctx = f };
        f->range = (struct code_range){ .start = CODE, .end = CODE + CODE_SIZE };
        f->images.ranges = &f->range;
        f->images.n_ranges = 1;
        f->stack = (struct native_stack){ .py = &f->py, .begin = STACK };
        f->unwound.frames = frames;
        return f;
}

static void end(struct forged *f)
{
        rules_deinit(&f->rules);
        free(f->stack.more);
        free(f);
}

static void unwind_forged(struct forged *f)
{
        const struct elfsym_registers at = {
                .pc = CODE,
                .sp = STACK,
                .general[ELFSYM_FRAME_POINTER] = STACK,
                .known = 1u << ELFSYM_FRAME_POINTER,
        };

        unwind_stack(&f->rules, &f->images, &f->stack, &at, &f->unwound);
}

/* Records of 16 bytes: the next frame pointer, and a return address, always the same. */
static uint64_t chain_of_records(uint64_t addr)
{
        return addr % 16 == 0 ? addr + 16 : CODE + 0x100;
}

Test(pystack_native, a_stack_without_an_end)
{
        struct forged *f = begin(chain_of_records);

        unwind_forged(f);
        cr_expect_eq(f->unwound.n, PYSTACK_NATIVE_MAX);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_CUT);
        cr_expect_leq(f->read, NATIVE_STACK_MAX);
        end(f);
}

static uint64_t one_far_record(uint64_t addr)
{
        return addr % 16 == 0 ? STACK + (8u << 20) : CODE + 0x100;
}

Test(pystack_native, a_frame_of_8_mb)
{
        struct forged *f = begin(one_far_record);

        unwind_forged(f);
        cr_expect_leq(f->unwound.n, 2);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_CUT);
        cr_expect_leq(f->read, NATIVE_STACK_MAX);
        end(f);
}

/* Each record returns to another place. */
static uint64_t ever_new_code(uint64_t addr)
{
        return addr % 16 == 0 ? addr + 16 : CODE + 0x100 + (addr - STACK) / 16 * 16;
}

Test(pystack_native, new_rules_are_bounded)
{
        struct forged *f = begin(ever_new_code);

        for (unsigned i = 1; i <= 3; i++) {
                unwind_forged(f);
                cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_COSTLY);
                cr_expect_eq(f->unwound.n, i * NATIVE_RULES_NEW, "what was learned is kept: %zu", f->unwound.n);
        }
        end(f);
}

static uint64_t other_code_each_time(uint64_t addr)
{
        static uint64_t at;

        return addr % 16 == 0 ? addr + 16 : CODE + 0x100 + (at += 16) % (CODE_SIZE / 2);
}

Test(pystack_native, rules_are_bounded)
{
        struct forged *f = begin(other_code_each_time);

        for (unsigned i = 0; i < 2 * NATIVE_RULES_MAX / NATIVE_RULES_NEW; i++) {
                f->stack.more_len = 0;
                unwind_forged(f);
        }
        cr_expect_leq(f->rules.n, NATIVE_RULES_MAX);
        cr_expect_leq((f->rules.mask + 1) * sizeof *f->rules.slots, 8 << 20);
        end(f);
}

static uint64_t backwards(uint64_t addr)
{
        return addr % 16 == 0 ? STACK : CODE + 0x100;
}

Test(pystack_native, a_stack_that_leads_back)
{
        struct forged *f = begin(backwards);

        unwind_forged(f);
        cr_expect_leq(f->unwound.n, 2);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_CUT);
        end(f);
}

Test(pystack_native, code_that_is_not_mapped_is_unknown)
{
        struct forged *f = begin(chain_of_records);

        f->range.end = CODE + 0x80;
        unwind_forged(f);
        cr_expect_eq(f->unwound.n, 1);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_UNKNOWN);
        end(f);
}

/* ---- frame pointers ------------------------------------------------------------------------ */

/* CALL by a register, and BLR. */
#if defined __aarch64__
static const uint8_t call_bytes[] = { 0, 0, 0x3f, 0xd6 };
#else
static const uint8_t call_bytes[] = { 0xff, 0xd0 };
#endif

#define AFTER_CALL (CODE + 0x200u)
#define AFTER_NOTHING (CODE + 0x208u)
#define RETURN (CODE + 0x300u)

static uint64_t below_record; /* the third word of the stack, of four below the record */

static uint64_t outermost_record(uint64_t addr)
{
        return addr == STACK + 16 ? below_record : addr == STACK + 40 ? RETURN : 0;
}

/* Below each record 14 words point into code. */
static uint64_t records_among_code(uint64_t addr)
{
        uint64_t at = addr % 128;

        return at == 0 ? addr + 128 : at == 8 ? RETURN : AFTER_NOTHING;
}

Test(pystack_native, looking_for_return_addresses_has_a_bound)
{
        static uint8_t code[4096];
        struct forged *f = begin(records_among_code);

        f->code = code;
        unwind_forged(f);
        cr_expect_gt(f->unwound.n, 2);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_CUT);
        cr_expect_leq(f->codes, 64 + f->unwound.n);
        end(f);
}

/* The frames of code without a table whose frame pointer leads to @record. @link: on aarch64, the link register. */
static size_t count_frames_by_pointer(uint64_t record, uint64_t link, enum pystack_unmerged *ret_reason)
{
        struct elfsym_registers at = { .pc = CODE, .sp = STACK, .known = 1u << ELFSYM_FRAME_POINTER };
        static uint8_t code[4096];
        struct forged *f = begin(outermost_record);

        memcpy(code + (AFTER_CALL - CODE) - sizeof call_bytes, call_bytes, sizeof call_bytes);
        f->code = code;
        at.general[ELFSYM_FRAME_POINTER] = record;
#if defined __aarch64__
        at.general[ELFSYM_X30] = link;
        at.known |= 1u << ELFSYM_X30;
#else
        (void)link;
#endif
        unwind_stack(&f->rules, &f->images, &f->stack, &at, &f->unwound);
        *ret_reason = f->unwound.reason;
        size_t n = f->unwound.n;
        end(f);
        return n;
}

/* What code that is compiled for pointer authentication puts above the bits of an address, of which there are 48. */
#define SIGNATURE (UINT64_C(0x55) << 48)

/* Code that keeps no frame pointer has its caller's. Where that may be, what follows is not told. */
Test(pystack_native, a_record_that_may_be_a_callers_is_not_followed)
{
        static const struct {
                uint64_t below, record, link;
                size_t frames;
        } cases[] = {
                { 0, STACK + 32, 0, 2 },
                { AFTER_NOTHING, STACK + 32, AFTER_NOTHING, 2 },
                { AFTER_CALL, STACK + 32, 0, 1 },
                { 0, STACK + 65536, 0, 1 }, /* too much to look at */
#if defined __aarch64__
                { 0, STACK + 32, AFTER_CALL, 1 },
                { 0, STACK + 32, RETURN, 2 },
                { AFTER_CALL | SIGNATURE, STACK + 32, 0, 1 },
                { 0, STACK + 32, AFTER_CALL | SIGNATURE, 1 },
                { 0, STACK + 32, RETURN | SIGNATURE, 2 },
#endif
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                enum pystack_unmerged reason;

                below_record = cases[i].below;
                cr_expect_eq(count_frames_by_pointer(cases[i].record, cases[i].link, &reason), cases[i].frames,
                             "case %zu", i);
                cr_expect_eq(reason, cases[i].frames == 2 ? PYSTACK_MERGED : PYSTACK_UNMERGED_CUT, "case %zu", i);
        }
}

#if defined __x86_64__
static uint64_t return_address(uint64_t addr)
{
        (void)addr;
        return CODE + 0x200;
}

/* The frames of a function without an entry, which is to return to where these bytes stand before. */
static size_t count_frames_after(const uint8_t *before, size_t len)
{
        const struct elfsym_registers at = { .pc = CODE + 0x100, .sp = STACK };
        struct image image = { .has_frames = true,
                               .frames = { .hdr = CODE, .entries = 1, .text_begin = CODE, .text_end = CODE + 4096 } };
        static uint8_t code[4096];
        struct forged *f = begin(return_address);
        int32_t behind = INT32_MAX;

        memset(code, 0, sizeof code);
        memcpy(code + 12, &behind, sizeof behind); /* where the function of the only entry begins */
        code[0x100] = 0xc3;
        memcpy(code + 0x200 - len, before, len);
        f->code = code;
        f->images.items[0] = &image;
        f->images.n = f->range.image = 1;
        unwind_stack(&f->rules, &f->images, &f->stack, &at, &f->unwound);
        cr_expect_eq(f->unwound.reason, PYSTACK_UNMERGED_CUT);
        size_t n = f->unwound.n;
        end(f);
        return n;
}

Test(pystack_native, without_a_table_a_caller_must_have_called)
{
        static const struct {
                uint8_t bytes[7];
                size_t len, frames;
        } cases[] = {
                { { 0xe8, 1, 2, 3, 4 }, 5, 2 },
                { { 0xff, 0xd0 }, 2, 2 },
                { { 0x41, 0xff, 0xd3 }, 3, 2 },
                { { 0xff, 0x50, 8 }, 3, 2 },
                { { 0xff, 0x54, 0x24, 8 }, 4, 2 },
                { { 0xff, 0x15, 1, 2, 3, 4 }, 6, 2 },
                { { 0xff, 0x90, 1, 2, 3, 4 }, 6, 2 },
                { { 0xff, 0x94, 0x24, 1, 2, 3, 4 }, 7, 2 },
                { { 0xff, 0x14, 0x25, 1, 2, 3, 4 }, 7, 2 },
                { { 0xe9, 1, 2, 3, 4 }, 5, 1 },
                { { 0xff, 0xe0 }, 2, 1 },
                { { 0xff, 0x15, 1 }, 3, 1 },
                { { 0x90, 0x90 }, 2, 1 },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                cr_expect_eq(count_frames_after(cases[i].bytes, cases[i].len), cases[i].frames, "case %zu", i);
}

/* To look at the code that is to run takes long, so few such looks are had for one stack. */
Test(pystack_native, looks_ahead_are_few)
{
        static const uint8_t returns[4096] = { [0 ... 4095] = 0xc3 };
        static struct image image = { .has_frames = true,
                                      .frames = { .entries = 1, .text_begin = CODE, .text_end = CODE + 4096 } };
        struct forged *f = begin(chain_of_records);
        unsigned budget = NATIVE_RULES_NEW, made = 0;
        const struct rule *rule;

        f->code = returns;
        f->images.items[0] = &image;
        f->images.n = 1;
        f->range.image = 1;
        while (rules_get(&f->rules, &f->py, &f->images, CODE + made, false, &budget, &rule) == 0) {
                cr_expect(rule->ahead);
                cr_assert_leq(++made, NATIVE_RULES_NEW);
        }
        cr_expect_eq(made, 3);
        budget = NATIVE_RULES_NEW;
        cr_expect_eq(rules_get(&f->rules, &f->py, &f->images, CODE, false, &budget, &rule), 0);
        cr_expect_eq(budget, NATIVE_RULES_NEW, "what is known costs nothing");
        end(f);
}
#endif
