/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that are counted before their frames are known. */
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include "agent/profile/profile.h"

#include <stdio.h>

SUITE(profile_reserve);

static profile_id add_stack(struct profile *p, const char *name)
{
        profile_id frame = interned_frame(p, interned_function(p, name, "a.py", 1), 1);

        return interned_stack(p, &frame, 1);
}

/* A sample of a stack, as a tick counts it. */
static void count(struct profile *p, profile_id stack, enum profile_state state, uint64_t n)
{
        cr_assert_eq(profile_add(p, stack, 0, state, n, 10 * n), 0);
        profile_counters(p)->ok += n;
        profile_counters(p)->sampled_ns += 10 * n;
}

Test(profile_reserve, what_turns_out_to_be_one_stack_is_one)
{
        struct profile *p = profile_new();
        profile_id known = add_stack(p, "known");
        profile_id first = profile_reserve_stack(p), second = profile_reserve_stack(p),
                   other = profile_reserve_stack(p);

        cr_assert(first && second && other && first != second && first != known);
        count(p, first, PROFILE_RUNNING, 1);
        count(p, other, PROFILE_RUNNING, 2);
        count(p, second, PROFILE_RUNNING, 3);
        count(p, known, PROFILE_RUNNING, 4);
        count(p, second, PROFILE_IDLE, 5);
        profile_link_stack(p, first, known);
        profile_link_stack(p, second, known);
        profile_link_stack(p, other, add_stack(p, "other"));
        count(p, second, PROFILE_RUNNING, 6);
        profile_settle(p, NULL);

        static const struct profile_sample wanted[] = {
                { 1, 0, PROFILE_RUNNING, 14, 140, 0 },
                { 2, 0, PROFILE_RUNNING, 2, 20, 0 },
                { 1, 0, PROFILE_IDLE, 5, 50, 0 },
        };
        cr_assert_eq(profile_samples(p), 3);
        for (size_t i = 0; i < 3; i++) {
                const struct profile_sample *s = profile_sample(p, i);
                cr_expect(s->stack == wanted[i].stack && s->state == wanted[i].state && s->count == wanted[i].count &&
                                  s->nanoseconds == wanted[i].nanoseconds,
                          "%zu", i);
        }
        cr_expect_eq(profile_stacks(p), 2);
        cr_expect_eq(profile_total(p), 21);
        count(p, known, PROFILE_RUNNING, 1);
        cr_expect_eq(profile_sample(p, 0)->count, 15, "it is found again");
        cr_expect_neq(profile_add(p, first, 0, PROFILE_RUNNING, 1, 1), 0, "it is no id any more");
        profile_free(p);
}

Test(profile_reserve, a_stack_that_nobody_has_told_is_failed)
{
        struct profile *p = profile_new();
        profile_id lost = profile_reserve_stack(p);

        count(p, lost, PROFILE_RUNNING, 3);
        count(p, add_stack(p, "known"), PROFILE_RUNNING, 4);
        profile_settle(p, NULL);
        cr_expect_eq(profile_samples(p), 1);
        cr_expect_eq(profile_total(p), 4);
        cr_expect_eq(profile_counters(p)->ok, 4);
        cr_expect_eq(profile_counters(p)->sampled_ns, 40);
        cr_expect_eq(profile_counters(p)->failed, 3);
        cr_expect_eq(profile_counters(p)->failed_ns, 30);
        profile_free(p);
}

Test(profile_reserve, many_are_few_when_they_are_settled)
{
        struct profile *p = profile_new();
        static profile_id stacks[100], reserved[5000];
        uint64_t sum = 0;

        for (int i = 0; i < 5000; i++) {
                reserved[i] = profile_reserve_stack(p);
                count(p, reserved[i], PROFILE_RUNNING, (uint64_t)i + 1);
        }
        for (int i = 0; i < 100; i++) {
                char name[16];
                snprintf(name, sizeof name, "f%d", i);
                stacks[i] = add_stack(p, name);
        }
        for (int i = 0; i < 5000; i++)
                profile_link_stack(p, reserved[i], stacks[i % 100]);
        profile_settle(p, NULL);
        cr_expect_eq(profile_samples(p), 100);
        for (size_t i = 0; i < profile_samples(p); i++)
                sum += profile_sample(p, i)->count;
        cr_expect_eq(sum, 5000 * 5001 / 2);
        profile_free(p);
}

Test(profile_reserve, reserved_ids_are_bounded_as_what_is_interned_is)
{
        struct profile *p = profile_new();
        unsigned n = 0;

        profile_limit(p, 10000);
        for (profile_id id; (id = profile_reserve_stack(p)) != 0; n++)
                count(p, id, PROFILE_RUNNING, 1);
        cr_expect_gt(n, 50);
        cr_expect_lt(n, 300);
        profile_settle(p, NULL);
        cr_expect_neq(profile_reserve_stack(p), 0, "and given back");
        profile_free(p);
}

/* ---- marks ----------------------------------------------------------------- */

/* Mark 1 adds a leaf, 2 leaves the sample out, 3 changes nothing. */
static bool apply_mark(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret)
{
        const profile_id *of_mark = ctx;

        (void)p;
        cr_expect(stack > 0);
        *ret = of_mark[mark];
        return mark != 2;
}

Test(profile_reserve, a_marked_sample_gets_its_leaf_once_its_stack_is_known)
{
        struct profile *p = profile_new();
        profile_id known = add_stack(p, "known"), reserved = profile_reserve_stack(p);
        profile_id leaf = interned_frame(p, interned_function(p, "leaf", "", 0), 0);
        profile_id frames[] = { leaf, profile_stack(p, known, &(size_t){ 0 })[0] };
        profile_id longer = interned_stack(p, frames, 2), of_mark[] = { 0, leaf, 0, 0 };
        static const uint32_t marks[] = { 1, 1, 2, 3, 0 };

        for (size_t i = 0; i < 5; i++) {
                cr_assert_eq(profile_add_marked(p, i == 1 ? reserved : known, 0, PROFILE_IDLE, marks[i], 1, 10), 0);
                profile_counters(p)->ok++;
                profile_counters(p)->ticks++;
                profile_counters(p)->sampled_ns += 10;
        }
        profile_link_stack(p, reserved, known);
        profile_settle(p, &(struct profile_marks){ apply_mark, of_mark });

        cr_assert_eq(profile_samples(p), 2, "%zu", profile_samples(p));
        for (size_t i = 0; i < 2; i++) {
                const struct profile_sample *s = profile_sample(p, i);
                cr_expect(s->mark == 0 && s->count == 2 && s->nanoseconds == 20);
                cr_expect(s->stack == known || s->stack == longer);
        }
        cr_expect_eq(profile_counters(p)->ok, 4);
        cr_expect_eq(profile_counters(p)->ticks, 4);
        cr_expect_eq(profile_counters(p)->sampled_ns, 40);
        cr_expect_eq(profile_counters(p)->left_out_ns, 10);
        profile_free(p);
}

Test(profile_reserve, without_room_a_marked_sample_keeps_its_stack)
{
        struct profile *p = profile_new();
        profile_id known = add_stack(p, "known"), leaf = interned_frame(p, interned_function(p, "leaf", "", 0), 0);
        profile_id of_mark[] = { 0, leaf };

        cr_assert_eq(profile_add_marked(p, known, 0, PROFILE_IDLE, 1, 1, 10), 0);
        profile_limit(p, 1);
        profile_settle(p, &(struct profile_marks){ apply_mark, of_mark });
        cr_assert_eq(profile_samples(p), 1);
        cr_expect_eq(profile_sample(p, 0)->stack, known);
        profile_free(p);
}
