/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(timeline);

static profile_id stack_of(struct profile *p, const char *name)
{
        profile_id frame = interned_frame(p, interned_function(p, name, "", 0), 0);

        return interned_stack(p, &frame, 1);
}

static void add_at(struct profile *p, profile_id stack, uint64_t end_ns, uint32_t mark)
{
        cr_assert_eq(profile_add_marked(p, stack, 0, PROFILE_RUNNING, mark, 1, 10), 0);
        profile_counters(p)->ok++;
        profile_counters(p)->ticks++;
        profile_counters(p)->sampled_ns += 10;
        profile_add_moment(p, &(struct profile_moment){
                                      .end_ns = end_ns, .nanoseconds = 10, .count = 1, .stack = stack, .mark = mark });
}

Test(timeline, there_is_none_by_itself)
{
        struct profile *p = profile_new();
        uint64_t dropped;
        size_t n;

        cr_expect_not(profile_has_timeline(p));
        add_at(p, stack_of(p, "f"), 10, 0);
        profile_moments(p, &n, &dropped);
        cr_expect(n == 0 && dropped == 0);
        profile_free(p);
}

Test(timeline, what_finds_no_room_is_counted)
{
        struct profile *p = profile_new();
        uint64_t dropped;
        size_t n;

        profile_keep_timeline(p, 3 * sizeof(struct profile_moment));
        profile_id stack = stack_of(p, "f");
        for (uint64_t i = 0; i < 5; i++)
                add_at(p, stack, i, 0);
        profile_lose_moment(p, &(struct profile_moment){ .count = 4, .stack = stack });
        const struct profile_moment *moments = profile_moments(p, &n, &dropped);
        cr_assert_eq(n, 3);
        cr_expect_eq(dropped, 6);
        cr_expect_eq(moments[2].end_ns, 2);
        profile_free(p);
}

/* Marks 1 to 3: a leaf, no leaf, left out. */
static bool give_leaf(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret)
{
        (void)ctx;
        (void)stack;
        *ret = mark == 1 ? interned_frame(p, interned_function(p, "[sleeps]", "", 0), 0) : 0;
        return mark != 3;
}

/* What becomes of samples when they are settled becomes of their moments, also if that is done twice. */
Test(timeline, moments_are_settled)
{
        struct profile *p = profile_new();
        const struct profile_marks marks = { give_leaf, NULL };
        uint64_t dropped;
        size_t n, depth;

        profile_keep_timeline(p, 1 << 20);
        profile_id known = profile_reserve_stack(p), unknown = profile_reserve_stack(p), f = stack_of(p, "f");
        add_at(p, known, 1, 0);
        add_at(p, unknown, 2, 0);
        add_at(p, known, 3, 1);
        add_at(p, f, 4, 2);
        add_at(p, f, 5, 3);
        profile_link_stack(p, known, f);
        profile_settle(p, &marks);
        add_at(p, f, 6, 0);
        profile_settle(p, &marks);

        const struct profile_moment *moments = profile_moments(p, &n, &dropped);
        cr_assert_eq(n, 4);
        cr_expect(moments[0].end_ns == 1 && moments[1].end_ns == 3 && moments[2].end_ns == 4 && moments[3].end_ns == 6);
        cr_expect(moments[0].stack == f && moments[2].stack == f && moments[3].stack == f);
        const profile_id *frames = profile_stack(p, moments[1].stack, &depth);
        cr_assert_eq(depth, 2);
        cr_expect_str_eq(profile_function(p, profile_frame(p, frames[0])->function)->name, "[sleeps]");
        cr_expect_eq(profile_total(p), 4, "as many samples as moments");
        profile_free(p);
}
