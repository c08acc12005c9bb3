/* SPDX-License-Identifier: Apache-2.0 */
/* From raw stacks to a profile's: equal ones are found again, different ones told apart. */
#include "tests/unit/support/suite.h"

#include "agent/sample/stacks.h"
#include "pystack/decode/code_cache.h"
#include "pystack/internal.h"

#include <string.h>

SUITE(sample_stacks);

/* Code objects as pystack hands them out; without a line table every line is unknown. */
static struct code_entry entries[300];

static void make_entries(void)
{
        static uint8_t f[] = "f\0f.py", g[] = "g\0f.py";

        for (uint32_t i = 0; i < 300; i++)
                entries[i] = (struct code_entry){ .code = { .serial = i + 1, .first_line = i }, .data = i == 1 ? g : f,
                                                  .name = { .chars = 1, .width = 1 }, .file = { .chars = 4, .width = 1 } };
}

static struct pystack_stack make_stack(struct pystack_frame *frames, size_t n, const uint32_t *codes,
                                       const int32_t *instructions)
{
        for (size_t i = 0; i < n; i++)
                frames[i] = (struct pystack_frame){ .code = &entries[codes[i]].code, .instruction = instructions[i] };
        return (struct pystack_stack){ .frames = frames, .n = n };
}

Test(sample_stacks, equal_stacks_have_one_id)
{
        struct stacks stacks = { 0 };
        struct pystack py = { .layout = *layout_find(0x030b0000) };
        struct profile *p = profile_new();
        struct pystack_frame a[3], b[3];

        make_entries();
        struct pystack_stack first = make_stack(a, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ -1, -1, -1 });
        struct pystack_stack same = make_stack(b, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ -1, -1, -1 });
        profile_id id = stacks_find(&stacks, p, &py, &first);
        cr_assert_neq(id, 0);
        cr_expect_eq(stacks_find(&stacks, p, &py, &same), id);
        size_t n;
        const profile_id *frames = profile_stack(p, id, &n);
        cr_expect_eq(n, 3);
        cr_expect_str_eq(profile_function(p, profile_frame(p, frames[1])->function)->name, "g");

        struct pystack_stack shorter = { .frames = a, .n = 2 };
        cr_expect_neq(stacks_find(&stacks, p, &py, &shorter), id);
        struct pystack_stack cut = { .frames = a, .n = 3, .truncated = true };
        profile_id cut_id = stacks_find(&stacks, p, &py, &cut);
        cr_expect_neq(cut_id, id);
        frames = profile_stack(p, cut_id, &n);
        cr_expect_eq(n, 4);
        cr_expect_str_eq(profile_function(p, profile_frame(p, frames[3])->function)->name, "(truncated)");
        stacks_deinit(&stacks);
        profile_free(p);
}

Test(sample_stacks, many_stacks_stay_apart_and_a_new_profile_begins_anew)
{
        struct stacks stacks = { 0 };
        struct pystack py = { .layout = *layout_find(0x030b0000) };
        struct profile *p = profile_new();
        profile_id ids[300];

        make_entries();
        for (uint32_t i = 0; i < 300; i++) {
                struct pystack_frame frame;
                struct pystack_stack stack = make_stack(&frame, 1, &i, (int32_t[]){ -1 });
                ids[i] = stacks_find(&stacks, p, &py, &stack);
                for (uint32_t j = 0; j < i; j++)
                        cr_assert_neq(ids[i], ids[j]);
        }
        profile_free(p);
        p = profile_new();
        stacks_clear(&stacks);
        struct pystack_frame frame;
        struct pystack_stack stack = make_stack(&frame, 1, (uint32_t[]){ 7 }, (int32_t[]){ -1 });
        cr_expect_eq(stacks_find(&stacks, p, &py, &stack), 1);
        struct pystack_stack none = { .n = 0 };
        profile_id id = stacks_find(&stacks, p, &py, &none);
        size_t n;
        const profile_id *frames = profile_stack(p, id, &n);
        cr_expect_str_eq(profile_function(p, profile_frame(p, frames[0])->function)->name, "(no Python frame)");
        stacks_deinit(&stacks);
        profile_free(p);
}

/* New stacks share most frames with the one before them, and those are not looked up again. */
Test(sample_stacks, every_stack_has_its_own_frames)
{
        struct stacks stacks = { 0 };
        struct pystack py = { .layout = *layout_find(0x030b0000) };
        struct profile *p = profile_new();
        uint32_t random = 1;

        make_entries();
        for (int i = 0; i < 500; i++) {
                struct pystack_frame frames[20];
                uint32_t codes[20];
                int32_t instructions[20];
                size_t n, depth = 1 + (random >> 8) % 20;
                for (size_t k = 0; k < depth; k++) {
                        random = random * 1103515245u + 12345u;
                        codes[k] = k + 3 < depth ? (random >> 16) % 300 : (random >> 16) % 2;
                        instructions[k] = 2 * (int32_t)(random >> 28);
                }
                struct pystack_stack stack = make_stack(frames, depth, codes, instructions);
                const profile_id *ids = profile_stack(p, stacks_find(&stacks, p, &py, &stack), &n);
                cr_assert_eq(n, depth);
                for (size_t k = 0; k < n; k++)
                        cr_expect_eq(profile_function(p, profile_frame(p, ids[k])->function)->first_line,
                                     entries[codes[k]].code.first_line);
        }
        stacks_deinit(&stacks);
        profile_free(p);
}
