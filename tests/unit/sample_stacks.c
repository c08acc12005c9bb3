/* SPDX-License-Identifier: Apache-2.0 */
/* From raw stacks to a profile's: equal ones are found again, different ones told apart, and decoded outside of ticks. */
#include "tests/unit/support/suite.h"

#include "agent/sample/internal.h"
#include "pystack/decode/code_cache.h"
#include "pystack/internal.h"

#include <stdlib.h>
#include <string.h>

SUITE(sample_stacks);

/* Code objects as pystack has them; without a line table every line is unknown. */
static struct code_entry entries[300];

static void make_entries(void)
{
        static uint8_t f[] = "f\0f.py", g[] = "g\0f.py";

        for (uint32_t i = 0; i < 300; i++)
                entries[i] = (struct code_entry){
                        .code = { .serial = i + 1, .first_line = i, .chars = 5 },
                        .data = i == 1 ? g : f,
                        .name = { .chars = 1, .width = 1 },
                        .file = { .chars = 4, .width = 1 },
                };
}

/* A target whose stacks are made up. */
struct world {
        struct sampler sampler;
        struct pystack py;
        struct target target;
};

static void begin(struct world *w)
{
        make_entries();
        *w = (struct world){ .py = { .runtime.layout = *layout_find(0x030b0000) } };
        w->target.py = &w->py;
        w->target.profile = profile_new();
        memory_open(&w->target.memory, &w->sampler.memory);
        inheriting_lock_init(&w->target.lock);
}

static void end(struct world *w)
{
        decoding_deinit(&w->target.decoding);
        stacks_deinit(&w->target.stacks);
        profile_free(w->target.profile);
        pthread_mutex_destroy(&w->target.lock);
        for (int i = 0; i < 300; i++)
                cr_expect_eq(entries[i].keepers, 0, "%d is kept", i);
}

/* Decodes what is left first. */
static void end_decoded(struct world *w)
{
        decode_waiting(&w->target, &w->sampler);
        end(w);
}

static struct pystack_stack make_stack(struct pystack_frame *frames, size_t n, const uint32_t *codes,
                                       const int32_t *instructions)
{
        for (size_t i = 0; i < n; i++)
                frames[i] = (struct pystack_frame){ .code = &entries[codes[i]].code, .instruction = instructions[i] };
        return (struct pystack_stack){ .frames = frames, .n = n };
}

/* Looks for a stack of Python alone. */
static int seek(struct world *w, const struct pystack_stack *stack, profile_id *ret)
{
        struct pystack_stack shown;
        struct backlog_view view;

        backlog_view(stack, NULL, NULL, &shown, &view);
        return stacks_find(&w->target.stacks, w->target.profile, w->target.py, &view, ret);
}

/* Meets a stack once, as a tick does. */
static profile_id meet(struct world *w, const struct pystack_stack *stack)
{
        profile_id id;

        cr_assert_eq(seek(w, stack, &id), 0);
        cr_assert_eq(profile_add(w->target.profile, id, 0, PROFILE_RUNNING, 1, 1), 0);
        return id;
}

static void settle(struct world *w)
{
        decode_waiting(&w->target, &w->sampler);
        profile_settle(w->target.profile, NULL);
}

/* The function of frame @at of the stack of sample @i, which has @n frames. */
static const struct profile_function *function_at(const struct world *w, size_t i, size_t n, size_t at)
{
        const struct profile *p = w->target.profile;
        size_t got;
        const profile_id *frames = profile_stack(p, profile_sample(p, i)->stack, &got);

        cr_assert_eq(got, n);
        return profile_function(p, profile_frame(p, frames[at])->function);
}

Test(sample_stacks, equal_stacks_have_one_id)
{
        struct world w;
        struct pystack_frame a[3], b[3];

        begin(&w);
        struct pystack_stack first = make_stack(a, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ -1, -1, -1 });
        struct pystack_stack same = make_stack(b, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ -1, -1, -1 });
        profile_id id = meet(&w, &first);
        cr_expect_eq(meet(&w, &same), id);
        struct pystack_stack shorter = { .frames = a, .n = 2 };
        cr_expect_neq(meet(&w, &shorter), id);
        struct pystack_stack cut = { .frames = a, .n = 3, .truncated = true };
        cr_expect_neq(meet(&w, &cut), id);
        struct pystack_stack none = { .n = 0 };
        meet(&w, &none);
        settle(&w);
        cr_assert_eq(profile_samples(w.target.profile), 4);
        cr_expect_str_eq(function_at(&w, 0, 1, 0)->name, "(no Python frame)");
        cr_expect_eq(profile_sample(w.target.profile, 1)->count, 2);
        cr_expect_str_eq(function_at(&w, 1, 3, 1)->name, "g");
        cr_expect_str_eq(function_at(&w, 2, 2, 1)->name, "g");
        cr_expect_str_eq(function_at(&w, 3, 4, 3)->name, "(truncated)");
        end(&w);
}

/* Two places of a line are two stacks when they are met, and one when they are decoded. */
Test(sample_stacks, what_is_one_stack_when_it_is_decoded_is_counted_as_one)
{
        struct world w;
        struct pystack_frame a, b;

        begin(&w);
        struct pystack_stack first = make_stack(&a, 1, (uint32_t[]){ 5 }, (int32_t[]){ 2 });
        struct pystack_stack second = make_stack(&b, 1, (uint32_t[]){ 5 }, (int32_t[]){ 4 });
        cr_expect_neq(meet(&w, &first), meet(&w, &second));
        decode_waiting(&w.target, &w.sampler);
        meet(&w, &second);
        settle(&w);
        cr_expect_eq(profile_samples(w.target.profile), 1);
        cr_expect_eq(profile_sample(w.target.profile, 0)->count, 3);
        cr_expect_eq(profile_stacks(w.target.profile), 1);
        end(&w);
}

Test(sample_stacks, many_stacks_stay_apart_and_a_new_profile_begins_anew)
{
        struct world w;
        profile_id ids[300];

        begin(&w);
        for (uint32_t i = 0; i < 300; i++) {
                struct pystack_frame frame;
                struct pystack_stack stack = make_stack(&frame, 1, &i, (int32_t[]){ -1 });
                ids[i] = meet(&w, &stack);
                for (uint32_t j = 0; j < i; j++)
                        cr_assert_neq(ids[i], ids[j]);
        }
        settle(&w);
        cr_expect_eq(profile_stacks(w.target.profile), 300);
        profile_free(w.target.profile);
        w.target.profile = profile_new();
        stacks_clear(&w.target.stacks);
        struct pystack_frame frame;
        struct pystack_stack stack = make_stack(&frame, 1, (uint32_t[]){ 7 }, (int32_t[]){ -1 });
        meet(&w, &stack);
        settle(&w);
        cr_expect_eq(profile_stacks(w.target.profile), 1);
        cr_expect_eq(function_at(&w, 0, 1, 0)->first_line, 7);
        end(&w);
}

/* Whether the stack has the functions of @codes. */
static bool has_codes(const struct profile *p, profile_id stack, const uint32_t *codes, size_t depth)
{
        size_t n;
        const profile_id *ids = profile_stack(p, stack, &n);

        for (size_t k = 0; k < n && n == depth; k++)
                if (profile_function(p, profile_frame(p, ids[k])->function)->first_line !=
                    entries[codes[k]].code.first_line)
                        return false;
        return n == depth;
}

/* The samples of that stack. */
static uint64_t count_of(const struct world *w, const uint32_t *codes, size_t depth)
{
        const struct profile *p = w->target.profile;
        uint64_t count = 0;

        for (size_t i = 0; i < profile_samples(p); i++)
                count += has_codes(p, profile_sample(p, i)->stack, codes, depth) ? profile_sample(p, i)->count : 0;
        return count;
}

/* The stacks of 500 that are equal to stack @i. */
static uint64_t count_equal(uint32_t codes[500][20], const size_t *depths, int i)
{
        uint64_t n = 0;

        for (int k = 0; k < 500; k++)
                n += depths[k] == depths[i] && memcmp(codes[k], codes[i], depths[i] * sizeof codes[i][0]) == 0;
        return n;
}

/* New stacks share most frames with the one before them, and those are not decoded again, wherever the decoder stands. */
Test(sample_stacks, every_stack_has_its_own_frames)
{
        static uint32_t codes[500][20];
        static size_t depths[500];
        struct world w;
        uint32_t random = 1;

        begin(&w);
        for (int i = 0; i < 500; i++) {
                struct pystack_frame frames[20];
                int32_t instructions[20];
                depths[i] = 1 + (random >> 8) % 20;
                for (size_t k = 0; k < depths[i]; k++) {
                        random = random * 1103515245u + 12345u;
                        codes[i][k] = k + 3 < depths[i] ? (random >> 16) % 300 : (random >> 16) % 2;
                        instructions[k] = 1000 * i + (int32_t)k; /* no two samples alike */
                }
                for (size_t k = 0; k < 3 && k < depths[i]; k++)
                        instructions[depths[i] - 1 - k] = -1;
                struct pystack_stack stack = make_stack(frames, depths[i], codes[i], instructions);
                meet(&w, &stack);
                if (random >> 16 & 4)
                        decode_some(&w.target, &w.sampler);
                if (random >> 16 & 8)
                        stacks_trim(&w.target.stacks);
        }
        settle(&w);
        cr_expect_eq(profile_total(w.target.profile), 500);
        uint64_t told = 0;
        for (int i = 0; i < 500; i++)
                told += count_of(&w, codes[i], depths[i]) == count_equal(codes, depths, i);
        cr_expect_eq(told, 500);
        end(&w);
}

/* What is queued is bounded by what it takes to decode it; nothing wrong comes of what had no room. */
Test(sample_stacks, so_much_waits_and_no_more)
{
        struct world w;
        struct pystack_frame frames[20];
        uint32_t codes[20];
        int32_t instructions[20];
        profile_id id;
        uint64_t i;
        int e = 0;

        begin(&w);
        for (uint32_t k = 0; k < 20; k++) {
                codes[k] = k;
                entries[k].code.chars = 8192; /* as if they were as long as any; they are decoded as they are */
        }
        for (i = 0; e == 0 && i < 1000; i++) {
                for (int k = 0; k < 20; k++)
                        instructions[k] = 100 * (int32_t)i + k;
                struct pystack_stack stack = make_stack(frames, 20, codes, instructions);
                e = seek(&w, &stack, &id);
                if (e == 0)
                        cr_assert_eq(profile_add(w.target.profile, id, 0, PROFILE_RUNNING, 1, 1), 0);
        }
        cr_expect_eq(e, PYSTACK_E_COSTLY);
        cr_expect_eq(id, 0);
        cr_expect_leq(w.target.stacks.backlog.batch.work, BACKLOG_WORK);
        cr_expect_eq(w.target.stacks.backlog.batch.n_stacks, BACKLOG_WORK / (20 * (8192 + 256) + 256));
        cr_expect_lt(stacks_bytes(&w.target.stacks), 1 << 20);
        /* A stack that is decoded soon is not lost for that: its id is no reserved one. */
        w.target.stacks.backlog.batch.work = BACKLOG_WORK;
        entries[20].code.chars = 10;
        struct pystack_stack small = make_stack(frames, 1, (uint32_t[]){ 20 }, (int32_t[]){ -1 });
        cr_expect_eq(seek(&w, &small, &id), 0);
        size_t n_frames;
        const profile_id *known = profile_stack(w.target.profile, id, &n_frames);
        cr_assert_eq(n_frames, 1);
        cr_expect_eq(profile_frame(w.target.profile, known[0])->line, 20);
        settle(&w);
        cr_expect_eq(count_of(&w, codes, 20), i - 1, "all that had room");
        struct pystack_stack stack = make_stack(frames, 20, codes, instructions);
        meet(&w, &stack);
        end_decoded(&w);
}

/* After so many, ids are those of stacks, wherever they are remembered. */
Test(sample_stacks, a_long_recording_does_not_run_out_of_ids)
{
        struct world w;
        struct member m = { .tid = 7 };
        struct pending pending[2];
        struct pystack_frame frame;
        uint32_t code = 3;
        struct pystack_stack stack;
        profile_id last = 0;

        begin(&w);
        w.target.pending = pending;
        HASH_ADD_INT(w.target.members, tid, &m);
        for (int32_t i = 0; i < 20000; i++) {
                stack = make_stack(&frame, 1, &code, &i);
                last = meet(&w, &stack);
                if (i == 50) {
                        m.clock.stack = last;
                        pending[w.target.n_pending++].stack = last;
                }
                while (i % 1000 == 999 && decode_some(&w.target, &w.sampler))
                        ;
        }
        cr_expect_lt(profile_reserved(w.target.profile), 10000);
        cr_expect_lt(profile_bytes(w.target.profile), 800000);
        cr_expect_eq(m.clock.stack, 1);
        cr_expect_eq(pending[0].stack, 1);
        stack = make_stack(&frame, 1, &code, &(int32_t){ 100 });
        cr_expect_eq(meet(&w, &stack), 1, "it is known by its stack now");
        settle(&w);
        cr_expect_eq(profile_samples(w.target.profile), 1);
        cr_expect_eq(profile_total(w.target.profile), 20001);
        HASH_CLEAR(hh, w.target.members);
        end(&w);
}

/* A profile that takes nothing new for a while: what was lost then does not pull down the stacks that come later. */
Test(sample_stacks, what_could_not_be_interned_is_lost_alone)
{
        struct world w;
        struct pystack_frame a[3], b[3];

        begin(&w);
        struct pystack_stack first = make_stack(a, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ 2, 2, 2 });
        struct pystack_stack second = make_stack(b, 3, (uint32_t[]){ 4, 1, 2 }, (int32_t[]){ 2, 2, 2 });
        meet(&w, &first);
        profile_limit(w.target.profile, 1);
        decode_waiting(&w.target, &w.sampler);
        profile_limit(w.target.profile, 0);
        meet(&w, &second);
        settle(&w);
        cr_assert_eq(profile_samples(w.target.profile), 1);
        cr_expect_eq(function_at(&w, 0, 3, 0)->first_line, 4);
        cr_expect_eq(profile_counters(w.target.profile)->failed, 1);
        end(&w);
}

Test(sample_stacks, frames_of_large_tables_beyond_a_bound_have_no_lines)
{
        struct world w;
        struct pystack_frame frames[20];
        uint32_t codes[20];
        int32_t instructions[20];
        unsigned without = 0;

        begin(&w);
        for (uint32_t k = 0; k < 20; k++) {
                codes[k] = k;
                instructions[k] = 2;
                entries[k].code.lines_len = 500 << 10;
                entries[k].without_lines = true; /* there is none here, but the backlog does not look */
        }
        struct pystack_stack stack = make_stack(frames, 20, codes, instructions);
        meet(&w, &stack);
        for (size_t i = 0; i < 20; i++)
                without += w.target.stacks.backlog.batch.frames[i].without_line;
        cr_expect_eq(without, 12);
        end_decoded(&w);
}

Test(sample_stacks, a_collection_is_a_frame_above_the_one_that_it_has_interrupted)
{
        struct world w;
        struct pystack_frame a[3];

        begin(&w);
        struct pystack_stack stack = make_stack(a, 3, (uint32_t[]){ 0, 1, 2 }, (int32_t[]){ -1, -1, -1 });
        profile_id plain = meet(&w, &stack);
        stack.gc = stack.gc_certain = true;
        cr_expect_neq(meet(&w, &stack), plain);
        stack.gc_at = 2;
        cr_expect_neq(meet(&w, &stack), plain);
        stack.gc_certain = false; /* of the first two it is not known whether the collector has called them */
        meet(&w, &stack);
        settle(&w);
        cr_assert_eq(profile_samples(w.target.profile), 4);
        cr_expect_str_eq(function_at(&w, 0, 3, 0)->name, "f");
        cr_expect_str_eq(function_at(&w, 1, 4, 0)->name, "<GC>");
        cr_expect_str_eq(function_at(&w, 2, 4, 1)->name, "g");
        cr_expect_str_eq(function_at(&w, 2, 4, 2)->name, "<GC>");
        cr_expect_str_eq(function_at(&w, 3, 2, 0)->name, "<GC>");
        cr_expect_str_eq(function_at(&w, 3, 2, 1)->name, function_at(&w, 0, 3, 2)->name);
        end(&w);
}
