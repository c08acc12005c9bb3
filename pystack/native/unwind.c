/* SPDX-License-Identifier: Apache-2.0 */
#include "unwind.h"

#include "pystack/memory/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the stack ---------------------------------------------------------------------------- */

/* Spans of one reading. A span that ends at a page's end is read whole, or not at all. */
#define PAGES_MAX (NATIVE_STACK_MAX / REMOTE_PAGE + 1)

/* Reads on, up to @wanted bytes of the stack. What could be read counts. */
static void read_more(struct native_stack *stack, size_t wanted)
{
        struct iovec pages[PAGES_MAX];
        size_t have = stack->len + stack->more_len, n = 0;
        uint64_t at = stack->begin + have, end = stack->begin + wanted;

        for (; at < end && n < PAGES_MAX; n++) {
                uint64_t page_end = remote_page(at) + REMOTE_PAGE, to = page_end < end ? page_end : end;
                pages[n] = remote_span(at, to - at);
                at = to;
        }
        ssize_t got = stack->py->memory.read(stack->py->memory.ctx, stack->more + stack->more_len, pages, n);
        if (got > 0)
                stack->more_len += (size_t)got;
        stack->ended = got < 0 || (size_t)got < wanted - have;
}

/* Twice as much as there is, at least a page, and up to @needed. False: there is no more. */
static bool extend_stack(struct native_stack *stack, size_t needed)
{
        size_t have = stack->len + stack->more_len, wanted = 2 * have > REMOTE_PAGE ? 2 * have : REMOTE_PAGE;

        wanted = wanted > needed ? wanted : needed;
        wanted = wanted < NATIVE_STACK_MAX ? wanted : NATIVE_STACK_MAX;
        if (stack->ended || needed > NATIVE_STACK_MAX)
                return false;
        if (!stack->more)
                stack->more = malloc(NATIVE_STACK_MAX);
        if (!stack->more)
                return false;
        read_more(stack, wanted);
        return needed <= stack->len + stack->more_len;
}

static bool load_word(void *ctx, uint64_t addr, uint64_t *ret)
{
        struct native_stack *stack = ctx;
        uint64_t at = addr - stack->begin;

        if (at > NATIVE_STACK_MAX ||
            (at + sizeof *ret > stack->len + stack->more_len && !extend_stack(stack, at + sizeof *ret)))
                return false;
        if (at + sizeof *ret <= stack->len)
                memcpy(ret, stack->bytes + at, sizeof *ret);
        else if (at >= stack->len)
                memcpy(ret, stack->more + (at - stack->len), sizeof *ret);
        else
                return false; /* both parts begin at a multiple of 8 */
        return true;
}

/* ---- without a table ----------------------------------------------------------------------- */

/*
 * What following one stack may cost, so that forged ones cost no more: rules that are made, words of the stack that are
 * looked at below records, and pieces of code that such words point at. A piece is a system call of 1 us.
 */
struct budget {
        unsigned rules, words, codes;
};
#define WORDS_MAX 4096
#define CODES_MAX 64
static const struct budget full_budget = { .rules = NATIVE_RULES_NEW, .words = WORDS_MAX, .codes = CODES_MAX };

static bool may_be_return_address(const struct images *images, const struct pystack *py, uint64_t word,
                                  struct budget *budget)
{
        uint64_t address = elfsym_unwind_address(word);

        if (!images_find(images, address - 1))
                return false;
        if (budget->codes == 0)
                return true;
        budget->codes--;
        return rules_is_after_call(py, address);
}

/* Whether the link register of the innermost frame may have another return address than the record. */
static bool has_link_of_its_own(const struct images *images, struct native_stack *stack,
                                const struct elfsym_registers *at, struct budget *budget)
{
#if defined __aarch64__
        uint64_t link = at->general[ELFSYM_X30], stored;

        return at->known >> ELFSYM_X30 & 1 &&
               !(load_word(stack, at->general[ELFSYM_FRAME_POINTER] + sizeof stored, &stored) &&
                 elfsym_unwind_address(stored) == elfsym_unwind_address(link)) &&
               may_be_return_address(images, stack->py, link, budget);
#else
        (void)images, (void)stack, (void)at, (void)budget;
        return false;
#endif
}

/*
 * Whether the frame pointer may be a caller's: code without a table may keep none, as compilers at run time do, and the
 * innermost frame may not have come to it, or have given it back. Then the return address that is the next one lies
 * between sp and the record, or in a link register, and the record has a later one.
 */
static bool may_skip_a_caller(const struct images *images, struct native_stack *stack,
                              const struct elfsym_registers *at, bool in_call, struct budget *budget)
{
        uint64_t record = at->general[ELFSYM_FRAME_POINTER], word;

        if (!(at->known >> ELFSYM_FRAME_POINTER & 1) || record < at->sp)
                return false;
        if ((record - at->sp) / sizeof word > budget->words)
                return true;
        budget->words -= (unsigned)((record - at->sp) / sizeof word);
        for (uint64_t addr = at->sp; addr + sizeof word <= record; addr += sizeof word)
                if (!load_word(stack, addr, &word) || may_be_return_address(images, stack->py, word, budget))
                        return true;
        return !in_call && has_link_of_its_own(images, stack, at, budget);
}

/* ---- the frames ---------------------------------------------------------------------------- */

static int step_out(const struct rule *rule, const struct images *images, struct native_stack *stack, bool in_call,
                    struct budget *budget, struct elfsym_registers *registers)
{
        if (rule->known)
                return elfsym_unwind_step(&rule->unwind, load_word, stack, registers);
        if (!rule->by_pointer || may_skip_a_caller(images, stack, registers, in_call, budget))
                return ELFSYM_E_NOT_FOUND;
        return elfsym_unwind_by_frame_pointer(load_word, stack, registers);
}

static enum pystack_unmerged tell_reason(int error)
{
        return error == PYSTACK_E_COSTLY    ? PYSTACK_UNMERGED_COSTLY
               : error == PYSTACK_E_CORRUPT ? PYSTACK_UNMERGED_UNKNOWN
                                            : PYSTACK_UNMERGED_CUT;
}

static void add_frame(struct unwound *ret, const struct images *images, const struct rule *rule,
                      const struct elfsym_registers *registers)
{
        if (ret->n > 0)
                ret->frames[ret->n - 1].maybe_loop = rule->calls_loop;
        ret->frames[ret->n++] = (struct native_frame){ .pc = rule->pc,
                                                       .registers = *registers,
                                                       .image = rule->image,
                                                       .loop = images_is_loop(images, rule->pc),
                                                       .ahead = rule->ahead };
}

/* Follows one frame. Returns what elfsym says of the step; or less than 0, and the reason in @ret. */
static int follow_frame(struct rules *rules, const struct images *images, struct native_stack *stack,
                        struct elfsym_registers *at, bool *in_call, struct budget *budget, struct unwound *ret)
{
        const struct rule *rule;
        bool called = *in_call;
        int e = rules_get(rules, stack->py, images, at->pc - called, called, &budget->rules, &rule);

        if (e != 0) {
                ret->reason = tell_reason(e);
                return -1;
        }
        if (ret->n > 0 && ret->frames[ret->n - 1].ahead && !rule->calls) /* then that was no return address */
                return -1;
        add_frame(ret, images, rule, at);
        *in_call = !(rule->known && rule->unwind.is_signal);
        return step_out(rule, images, stack, called, budget, at);
}

void unwind_stack(struct rules *rules, const struct images *images, struct native_stack *stack,
                  const struct elfsym_registers *registers, struct unwound *ret)
{
        struct elfsym_registers at = *registers;
        struct budget budget = full_budget;
        bool in_call = false;
        int e = 0;

        ret->n = 0;
        ret->reason = PYSTACK_UNMERGED_CUT;
        while (e == 0 && ret->n < PYSTACK_NATIVE_MAX && at.pc != 0)
                e = follow_frame(rules, images, stack, &at, &in_call, &budget, ret);
        ret->top = at.sp;
        if (e == ELFSYM_E_END || (e == 0 && at.pc == 0)) /* some programs end their stacks with an address of 0 */
                ret->reason = PYSTACK_MERGED;
}

bool unwind_has_word(struct native_stack *stack, uint64_t begin, uint64_t end, uint64_t value)
{
        uint64_t word;

        for (uint64_t at = (begin + 7) & ~(uint64_t)7; at + sizeof word <= end && load_word(stack, at, &word);
             at += 8) {
                if (stack->searched == NATIVE_SEARCH_MAX)
                        return false;
                stack->searched++;
                if (word == value)
                        return true;
        }
        return false;
}
