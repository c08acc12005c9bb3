/* SPDX-License-Identifier: Apache-2.0 */
/* Mixed stacks: each piece of Python is put into the frame of C code that shows that it runs it, or there is no stack. */
#include "tests/unit/support/suite.h"

#include "pystack/native/merge.h"

#include <string.h>

SUITE(pystack_merge);

#define FRAMES_MAX 16

/* A C stack of frames of 0x100 bytes: frame i lies from 0x1000 + i * 0x100. */
struct scene {
        struct native_frame code[FRAMES_MAX];
        uint64_t words[FRAMES_MAX * 32];
        struct raw_frame python[FRAMES_MAX];
        struct piece pieces[FRAMES_MAX];
        struct unwound unwound;
        struct merge_python side;
        struct native_stack stack;
        struct images images;
        struct pystack_mixed_frame room[PYSTACK_NATIVE_MAX + PYSTACK_MAX_FRAMES];
        struct pystack_mixed mixed;
};

static uint64_t place_of(size_t frame)
{
        return 0x1000 + frame * 0x100;
}

/* @code: a letter for each C frame, leaf first: L is the loop, m a function in its place, c another one. */
static struct scene *make_scene(const char *code)
{
        static struct scene scene;
        size_t n = strlen(code);

        scene = (struct scene){ 0 };
        for (size_t i = 0; i < n; i++)
                scene.code[i] = (struct native_frame){ .pc = 0x400000 + i,
                                                       .registers = { .sp = place_of(i) },
                                                       .loop = code[i] == 'L',
                                                       .maybe_loop = code[i] == 'm' };
        scene.unwound = (struct unwound){ .frames = scene.code, .n = n, .reason = PYSTACK_MERGED, .top = place_of(n) };
        scene.stack = (struct native_stack){
                .begin = place_of(0), .bytes = (const uint8_t *)scene.words, .len = n * 0x100, .ended = true
        };
        return &scene;
}

/* Adds a piece of so many frames, whose anchor lies in C frame @at. */
static void add_piece(struct scene *s, size_t frames, size_t at)
{
        s->side.n += frames;
        s->pieces[s->side.n_pieces++] = (struct piece){ .anchor = place_of(at) + 0x40, .end = (uint32_t)s->side.n };
        s->side.pieces = s->pieces;
}

/* Adds a frame of up to 3.10, whose address C frame @at has in its words. */
static void add_object(struct scene *s, uint64_t address, size_t at)
{
        s->python[s->side.n++].addr = address;
        s->words[at * 32 + 5] = address;
}

/* Merges. Returns the stack as text: c for C code, digits for Python frames. */
static const char *merge(struct scene *s)
{
        static char text[64];
        size_t i = 0;

        s->side.frames = s->python;
        merge_stacks(&s->unwound, &s->stack, &s->side, &s->images, s->room, &s->mixed);
        for (; i < s->mixed.n; i++)
                text[i] = s->mixed.frames[i].python ? (char)('0' + s->mixed.frames[i].python) : 'c';
        text[i] = '\0';
        return text;
}

Test(pystack_merge, loops_are_replaced_by_what_they_run)
{
        struct scene *s = make_scene("ccLccLcc");

        add_piece(s, 2, 2);
        add_piece(s, 3, 5);
        cr_expect_str_eq(merge(s), "cc12cc345cc");
        cr_expect_eq(s->mixed.reason, PYSTACK_MERGED);
        cr_expect_not(s->mixed.truncated);
}

Test(pystack_merge, a_loop_that_begins_or_ends_has_no_piece)
{
        struct scene *s = make_scene("cLcLc");

        add_piece(s, 1, 3);
        cr_expect_str_eq(merge(s), "ccc1c");
        s = make_scene("LcLc");
        add_piece(s, 0, 0); /* its shim is there, and no frame any more */
        add_piece(s, 2, 2);
        cr_expect_str_eq(merge(s), "cc12c");
}

Test(pystack_merge, a_piece_in_the_place_of_none_is_not_merged)
{
        struct scene *s = make_scene("cLcLc");

        add_piece(s, 1, 3);
        add_piece(s, 1, 1); /* further out in Python, further in on the C stack */
        cr_expect_str_eq(merge(s), "");
        cr_expect_eq(s->mixed.reason, PYSTACK_UNMERGED_DISAGREES);
        s = make_scene("cLc");
        add_piece(s, 1, 9); /* beyond the stack */
        cr_expect_str_eq(merge(s), "");
}

Test(pystack_merge, a_stack_that_was_cut_needs_all_pieces)
{
        struct scene *s = make_scene("cLc");

        s->unwound.reason = PYSTACK_UNMERGED_CUT;
        add_piece(s, 1, 1);
        cr_expect_str_eq(merge(s), "c1c");
        cr_expect(s->mixed.truncated);
        add_piece(s, 1, 5);
        cr_expect_str_eq(merge(s), "");
        cr_expect_eq(s->mixed.reason, PYSTACK_UNMERGED_CUT);
}

/* A greenlet's C stack goes on into that of another one. */
Test(pystack_merge, the_stack_ends_where_another_thread_state_runs)
{
        struct scene *s = make_scene("cLccLcLc");

        add_piece(s, 2, 1);
        cr_expect_str_eq(merge(s), "c12cc");
        cr_expect(s->mixed.truncated);
}

/*
 * Signals may have stacks of their own, so forged tables can lead to and fro. Each loop then seems to span the whole stack,
 * and has its frame's address at the far end.
 */
Test(pystack_merge, frames_that_overlap_cost_no_more)
{
        static uint64_t words[NATIVE_STACK_MAX / 8];
        struct scene *s = make_scene("LcLcLcLcLcLcLcLc");

        words[NATIVE_STACK_MAX / 8 - 1] = 77;
        s->stack.bytes = (const uint8_t *)words;
        s->stack.len = NATIVE_STACK_MAX;
        for (size_t i = 0; i < s->unwound.n; i++)
                s->code[i].registers.sp = s->stack.begin + (i % 2 ? NATIVE_STACK_MAX : 0);
        for (size_t i = 0; i < s->unwound.n / 2; i++)
                s->python[s->side.n++].addr = 77;
        cr_expect_str_eq(merge(s), "");
        cr_expect_eq(s->mixed.reason, PYSTACK_UNMERGED_COSTLY);
        cr_expect_leq(s->stack.searched, NATIVE_SEARCH_MAX);
        /* One that spans all of it is merged. */
        s->unwound.n = s->side.n = 1;
        s->unwound.top = s->stack.begin + NATIVE_STACK_MAX;
        s->stack.searched = 0;
        cr_expect_str_eq(merge(s), "1");
}

Test(pystack_merge, a_thread_without_python_is_all_code)
{
        cr_expect_str_eq(merge(make_scene("cccc")), "cccc");
        cr_expect_str_eq(merge(make_scene("cLcc")), "", "what the loop runs is not known");
}

Test(pystack_merge, up_to_3_10_the_loop_has_the_address_of_its_frame)
{
        struct scene *s = make_scene("cLcLc");

        add_object(s, 0x7000, 1);
        add_object(s, 0x8000, 3);
        cr_expect_str_eq(merge(s), "c1c2c");
        s = make_scene("cLcLc");
        add_object(s, 0x7000, 3);
        s->code[3].registers.known = 1;
        s->code[3].registers.general[0] = 0x7000;
        s->words[1 * 32 + 9] = 0x7000; /* the loop that ends has the frame outside of it, too */
        cr_expect_str_eq(merge(s), "ccc1c");
        s->words[3 * 32 + 5] = s->code[3].registers.known = 0; /* the outer loop is another greenlet's */
        cr_expect_str_eq(merge(s), "c1c");
        cr_expect(s->mixed.truncated);
}

Test(pystack_merge, a_function_in_the_place_of_the_loop)
{
        struct scene *s = make_scene("cmcLc");

        add_object(s, 0x7000, 1);
        add_object(s, 0x8000, 3);
        cr_expect_str_eq(merge(s), "c1c2c");
        s = make_scene("cccLc");
        add_object(s, 0x7000, 1); /* it has the address, and nothing says that the loop was called there */
        add_object(s, 0x8000, 3);
        cr_expect_str_eq(merge(s), "");
}
