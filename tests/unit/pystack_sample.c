/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of forged interpreters: found whole, never mixed, never named wrongly, whatever the memory holds. */
#include "tests/unit/pystack_forge.h"
#include "tests/unit/pystack_names.h"
#include "tests/unit/support/suite.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

SUITE(pystack_sample);

struct world {
        struct forge forge;
        struct pystack *py;
        struct pystack_thread *thread;
};

static void begin(struct world *w, const struct forge_version *version)
{
        forge_init(&w->forge, version);
        w->py = forge_open(&w->forge);
        w->thread = forge_thread(&w->forge, w->py);
}

static void end(struct world *w)
{
        pystack_thread_close(w->thread);
        pystack_close(w->py);
        forge_deinit(&w->forge);
}

static bool named(const struct pystack_stack *stack, const char *const *names, size_t n)
{
        bool same = stack->n == n;

        for (size_t i = 0; same && i < n; i++)
                same = strcmp(frame_name(&stack->frames[i]), names[i]) == 0;
        return same;
}

/* A generator that yields has cleared its link, and is still the running frame. */
Test(pystack_sample, a_chain_that_was_cut_is_no_stack)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t outer = forge_frame(&w.forge, forge_code(&w.forge, "outer", "a.py", 3), 0);
                uint64_t inner = forge_frame_elsewhere(&w.forge, forge_code(&w.forge, "inner", "b.py", 7), outer, 1);
                uint64_t link = inner + w.forge.layout.frame.previous;
                forge_run(&w.forge, inner);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                forge_word(&w.forge, link, 0);
                if (w.forge.root)
                        cr_expect_eq(pystack_sample(w.py, w.thread, 3, &stack), PYSTACK_E_TORN, "%s", v->name);
                forge_word(&w.forge, link, outer);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                cr_expect(named(&stack, (const char *[]){ "inner", "outer" }, 2));
                end(&w);
        }
}

Test(pystack_sample, a_stack_is_one_read_once_it_is_known)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t outer = forge_frame(&w.forge, forge_code(&w.forge, "outer", "a.py", 3), 0);
                forge_run(&w.forge, forge_frame(&w.forge, forge_code(&w.forge, "inner", "b.py", 7), outer));

                for (int i = 0; i < 3; i++) {
                        w.forge.reads = 0;
                        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                        cr_expect(named(&stack, (const char *[]){ "inner", "outer" }, 2));
                }
                cr_expect_eq(w.forge.reads, 1, "%s: %u reads", v->name, w.forge.reads);
                cr_expect_str_eq(frame_file(&stack.frames[0]), "b.py");
                cr_expect_eq(pystack_line(w.py, &stack.frames[0]), 7);
                cr_expect_eq(stack.retries, 0);
                end(&w);
        }
}

Test(pystack_sample, a_thread_without_frames_has_an_empty_stack)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                cr_expect_eq(stack.n, 0);
                end(&w);
        }
}

Test(pystack_sample, shims_are_passed_over_and_generators_found_in_the_heap)
{
        EACH_VERSION(v)
        {
                if (v->version < 0x030c0000)
                        continue;
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t none = forge_code(&w.forge, "<shim>", "", 0);
                uint64_t f = forge_frame_elsewhere(&w.forge, none, 0, 3);
                f = forge_frame(&w.forge, forge_code(&w.forge, "main", "a.py", 1), f);
                f = forge_frame_elsewhere(&w.forge, none, f, 3);
                f = forge_frame_elsewhere(&w.forge, forge_code(&w.forge, "generator", "a.py", 2), f, 1);
                f = forge_frame(&w.forge, forge_code(&w.forge, "leaf", "a.py", 3), f);
                forge_run(&w.forge, f);
                for (int i = 0; i < 2; i++) {
                        w.forge.reads = 0;
                        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                        cr_expect(named(&stack, (const char *[]){ "leaf", "generator", "main" }, 3));
                }
                cr_expect_eq(w.forge.reads, 1);
                end(&w);
        }
}

Test(pystack_sample, deep_stacks_lose_their_outermost_frames_and_say_so)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t code = forge_code(&w.forge, "recurse", "deep.py", 1), f = 0;
                for (int i = 0; i < 10000; i++)
                        f = forge_frame(&w.forge, code, f);
                forge_run(&w.forge, f);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                cr_expect(stack.truncated);
                cr_expect_gt(stack.n, 500);
                cr_expect_leq(stack.n, PYSTACK_MAX_FRAMES);
                end(&w);
        }
}

/* Up to 3.10 frames are heap objects; hostile or unlucky ones each lie in a page of their own. */
Test(pystack_sample, frames_too_far_apart_are_truncated)
{
        struct world w;
        struct pystack_stack stack;

        begin(&w, forge_version("3.10"));
        uint64_t code = forge_code(&w.forge, "far", "away.py", 1), f = 0;
        for (int i = 0; i < 1000; i++) {
                f = forge_frame(&w.forge, code, f);
                forge_alloc(&w.forge, 4096);
        }
        forge_run(&w.forge, f);
        for (int i = 0; i < 2; i++) {
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                cr_expect(stack.truncated);
                cr_expect_gt(stack.n, 100);
        }
        end(&w);
}

Test(pystack_sample, a_circle_of_frames_ends)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t code = forge_code(&w.forge, "round", "a.py", 1);
                uint64_t a = forge_frame(&w.forge, code, 0);
                uint64_t b = forge_frame(&w.forge, code, a);
                forge_word(&w.forge, a + w.forge.layout.frame.previous, b);
                forge_run(&w.forge, b);
                int e = pystack_sample(w.py, w.thread, 2, &stack);
                cr_expect(e == PYSTACK_E_TORN || (e == 0 && stack.truncated), "%s", v->name);
                end(&w);
        }
}

/* Lines that were looked up are remembered, a few a function: asked for in any order they stay right. */
Test(pystack_sample, lines_follow_the_position)
{
        uint8_t table[200];
        unsigned seed = 3;
        struct world w;
        struct pystack_stack stack;

        for (size_t i = 0; i < sizeof table; i += 2) {
                table[i] = 2;
                table[i + 1] = i % 6 ? 1 : 0xfe;
        }
        begin(&w, forge_version("3.9"));
        uint64_t code = forge_code(&w.forge, "f", "t.py", 500);
        forge_lines(&w.forge, code, table, sizeof table);
        uint64_t frame = forge_frame(&w.forge, code, 0);
        forge_run(&w.forge, frame);
        for (int i = 0; i < 400; i++) {
                int32_t at = (int32_t)(rand_r(&seed) % 101) * 2 - 2;
                at = at < 0 ? -1 : at;
                uint32_t line = 500;
                for (int32_t k = 0; k < at / 2; k++)
                        line += (uint32_t)(int8_t)table[2 * k + 1];
                forge_half(&w.forge, frame + w.forge.layout.frame.position, (uint32_t)at);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                cr_expect_eq(stack.frames[0].instruction, at);
                cr_expect_eq(pystack_line(w.py, &stack.frames[0]), line, "at %d", at);
                cr_expect_eq(pystack_line(w.py, &stack.frames[0]), line, "at %d, asked again", at);
        }
        end(&w);
}

/* ---- a thread that runs while it is read ---------------------------------------- */

/* Two call chains that share no function; the thread jumps between them. */
struct chains {
        uint64_t ab, cd;
        unsigned changes;
};

static void jump(struct forge *forge, size_t span, size_t n)
{
        struct chains *chains = forge->test;

        (void)span;
        (void)n;
        forge_run(forge, ++chains->changes % 2 ? chains->ab : chains->cd);
}

Test(pystack_sample, a_thread_that_never_holds_still_is_torn_never_wrong)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct chains chains = { 0 };
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t a = forge_frame(&w.forge, forge_code(&w.forge, "a", "x.py", 1), 0);
                chains.ab = forge_frame(&w.forge, forge_code(&w.forge, "b", "x.py", 2), a);
                uint64_t c = forge_frame(&w.forge, forge_code(&w.forge, "c", "x.py", 3), 0);
                chains.cd = forge_frame(&w.forge, forge_code(&w.forge, "d", "x.py", 4), c);
                forge_run(&w.forge, chains.ab);
                w.forge.test = &chains;
                w.forge.between = jump;
                for (int i = 0; i < 200; i++) {
                        int r = pystack_sample(w.py, w.thread, 3, &stack);
                        if (r == 0)
                                cr_expect(named(&stack, (const char *[]){ "b", "a" }, 2) ||
                                          named(&stack, (const char *[]){ "d", "c" }, 2));
                        else
                                cr_expect_eq(r, PYSTACK_E_TORN);
                }
                end(&w);
        }
}

/* Gives the frame another code object late in the second reading, once: before the frame, behind which a root may come. */
static void rewrite(struct forge *forge, size_t span, size_t n)
{
        struct chains *chains = forge->test;

        if (span == n - 2 && chains->changes++ == 0)
                forge_word(forge, chains->ab + forge->layout.frame.code, chains->cd);
}

Test(pystack_sample, a_frame_that_changes_between_the_readings_is_torn)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct chains chains = { 0 };
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t one = forge_code(&w.forge, "one", "x.py", 1);
                chains.cd = forge_code(&w.forge, "two", "x.py", 2);
                chains.ab = forge_frame(&w.forge, one, 0);
                forge_run(&w.forge, chains.ab);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                w.forge.test = &chains;
                w.forge.between = rewrite;
                int r = pystack_sample(w.py, w.thread, 4, &stack);
                cr_expect(r == 0 && named(&stack, (const char *[]){ "two" }, 1), "%s: %d", v->name, r);
                cr_expect_gt(stack.retries, 0, "%s", v->name);
                end(&w);
        }
}

/* ---- code objects that are freed -------------------------------------------------- */

Test(pystack_sample, another_code_object_at_the_same_address_gets_its_own_name)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                char name[32];
                uint32_t serial = 0;
                begin(&w, v);
                uint64_t code = forge_code(&w.forge, "f0", "t.py", 1);
                forge_run(&w.forge, forge_frame(&w.forge, code, 0));
                for (uint64_t i = 1; i < 50; i++) {
                        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                        cr_expect_neq(stack.frames[0].code->serial, serial);
                        serial = stack.frames[0].code->serial;
                        snprintf(name, sizeof name, "f%llu", (unsigned long long)i);
                        forge_recode(&w.forge, code, name, "t.py", 1);
                        if (w.forge.layout.interp.code_generation != LAYOUT_NONE)
                                forge_word(&w.forge, w.forge.interp + w.forge.layout.interp.code_generation, 1 + i);
                        cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0, "%s", v->name);
                        cr_expect_str_eq(frame_name(&stack.frames[0]), name, "%s", v->name);
                }
                end(&w);
        }
}

/* Before 3.12: a new name in the very memory of the old one, all pointers as they were. */
Test(pystack_sample, a_name_rewritten_in_place_is_noticed)
{
        EACH_VERSION(v)
        {
                if (v->version >= 0x030c0000)
                        continue;
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                uint64_t code = forge_code(&w.forge, "before", "t.py", 1);
                forge_run(&w.forge, forge_frame(&w.forge, code, 0));
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                uint64_t name = word_at(forge_at(&w.forge, code), w.forge.layout.code.name);
                memcpy(forge_at(&w.forge, name + w.forge.layout.string.ascii_data), "after!", 6);
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                cr_expect_str_eq(frame_name(&stack.frames[0]), "after!");
                end(&w);
        }
}

/* ---- damage -------------------------------------------------------------------------- */

Test(pystack_sample, a_thread_state_that_became_another_thread_s_is_gone)
{
        EACH_VERSION(v)
        {
                struct world w;
                struct pystack_stack stack;
                begin(&w, v);
                forge_run(&w.forge, forge_frame(&w.forge, forge_code(&w.forge, "f", "t.py", 1), 0));
                cr_assert_eq(pystack_sample(w.py, w.thread, 1, &stack), 0);
                forge_word(&w.forge, w.forge.tstate + w.forge.layout.tstate.thread_id, 1);
                cr_expect_eq(pystack_sample(w.py, w.thread, 1, &stack), PYSTACK_E_GONE);
                end(&w);
        }
}

Test(pystack_sample, wild_pointers_end_in_an_error)
{
        const uint64_t wild[] = {
                1, 8, 0xdeadbeef, FORGE_BASE - 1, FORGE_BASE + FORGE_SIZE - 4, UINT64_MAX, UINT64_MAX - 7, 1ull << 63
        };

        EACH_VERSION(v)
        {
                for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
                        struct world w;
                        struct pystack_stack stack;
                        begin(&w, v);
                        forge_run(&w.forge, wild[i]);
                        cr_expect_neq(pystack_sample(w.py, w.thread, 3, &stack), 0);
                        uint64_t f = forge_frame(&w.forge, wild[i], 0);
                        forge_run(&w.forge, f);
                        cr_expect_neq(pystack_sample(w.py, w.thread, 3, &stack), 0);
                        end(&w);
                }
        }
}

Test(pystack_sample, random_memory_is_survived)
{
        unsigned seed = 7;

        for (int round = 0; round < 20; round++) {
                EACH_VERSION(v)
                {
                        struct world w;
                        struct pystack_stack stack;
                        begin(&w, v);
                        uint64_t f = forge_frame(&w.forge, forge_code(&w.forge, "a", "t.py", 1), 0);
                        f = forge_frame(&w.forge, forge_code(&w.forge, "b", "t.py", 1), f);
                        forge_run(&w.forge, f);
                        for (int i = 0; i < 30; i++) {
                                uint64_t at = FORGE_BASE + (uint64_t)rand_r(&seed) % (w.forge.used & ~7ull);
                                uint64_t value = rand_r(&seed) % 3 ? FORGE_BASE + (uint64_t)rand_r(&seed) % w.forge.used
                                                                   : (uint64_t)rand_r(&seed);
                                if (at < w.forge.tstate || at > w.forge.tstate + 24)
                                        forge_word(&w.forge, at & ~7ull, value);
                                pystack_sample(w.py, w.thread, 2, &stack);
                        }
                        end(&w);
                }
        }
        cr_assert(true);
}
