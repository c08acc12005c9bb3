/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps others waiting, of profiles whose samples are known. */
#include "agent/profile/profile.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(profile_blame);

static profile_id frame_called(struct profile *p, const char *name, const char *file, uint32_t line)
{
        profile_id function, frame;

        cr_assert_eq(profile_intern_function(p, name, file, line ? 1 : 0, &function), 0);
        cr_assert_eq(profile_intern_frame(p, function, line, &frame), 0);
        return frame;
}

static void add_sample(struct profile *p, const char *leaf, const char *caller, uint64_t tid, uint64_t ns)
{
        profile_id frames[] = { frame_called(p, leaf, "", 0), 0, 0 }, stack, thread = 0;
        size_t n = 1;

        if (caller) {
                frames[n++] = frame_called(p, caller, "a.py", 7);
                frames[n++] = frame_called(p, "main", "a.py", 9);
        }
        cr_assert_eq(profile_intern_stack(p, frames, n, &stack), 0);
        if (tid)
                cr_assert_eq(profile_intern_thread(p, tid, "worker", &thread), 0);
        cr_assert_eq(profile_add(p, stack, thread, PROFILE_RUNNING, 2, ns), 0);
}

static struct profile *sampled(void)
{
        struct profile *p = profile_new();

        profile_set_settings(p, &(struct profile_settings){
                                        .mode = PROFILE_MODE_BLAME, .period_ns = 10, .start_ns = 5, .duration_ns = 7 });
        cr_assert_eq(profile_set_attribute(p, "service.name", "shop"), 0);
        *profile_counters(
                p) = (struct profile_counters){ .ticks = 9, .ok = 8, .torn = 1, .accounted_ns = 3, .sampled_ns = 2 };
        add_sample(p, "[holds GIL: 3 wait]", "hog", 1, 10);
        add_sample(p, "[holds GIL: 1 wait]", "hog", 1, 20);
        add_sample(p, "[holds GIL: 1 wait]", "hog", 2, 1);
        add_sample(p, "[holds GIL: 0 wait]", "calm", 2, 100);
        add_sample(p, "[holds GIL: unknown wait]", "calm", 2, 5);
        add_sample(p, "[holds GIL: 2 wait]", NULL, 3, 4);
        add_sample(p, "[free GIL: 2 wait]", NULL, 0, 7);
        add_sample(p, "[GIL of unknown holder: 4 wait]", NULL, 0, 2);
        add_sample(p, "[no GIL: 0 wait]", NULL, 0, 2);
        add_sample(p, "[waits: GIL]", "hog", 2, 60);
        return p;
}

struct found {
        uint64_t count, ns;
};

static struct found of_leaf(const struct profile *p, const char *name, size_t depth)
{
        struct found found = { 0 };

        for (size_t i = 0; i < profile_samples(p); i++) {
                const struct profile_sample *s = profile_sample(p, i);
                size_t n;
                const profile_id *frames = profile_stack(p, s->stack, &n);
                if (strcmp(profile_function(p, profile_frame(p, frames[0])->function)->name, name) != 0)
                        continue;
                cr_expect_eq(n, depth, "%s", name);
                cr_expect_eq(s->state, PROFILE_RUNNING);
                found.count += s->count;
                found.ns += s->nanoseconds;
        }
        return found;
}

Test(profile_blame, is_time_by_waiters)
{
        static const struct {
                const char *leaf;
                size_t depth;
                struct found found;
        } rows[] = {
                { "hog", 2, { 6 + 2 + 2, 30 + 20 + 1 } }, { "(no Python)", 1, { 4, 8 } }, { "(nobody)", 1, { 4, 14 } },
                { "(unknown holder)", 1, { 8, 8 } },      { "calm", 2, { 0, 0 } },
        };
        struct profile *p = sampled(), *b;

        cr_assert_eq(profile_blame(p, false, &b), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct found found = of_leaf(b, rows[i].leaf, rows[i].depth);
                cr_expect_eq(found.count, rows[i].found.count, "%s", rows[i].leaf);
                cr_expect_eq(found.ns, rows[i].found.ns, "%s", rows[i].leaf);
        }
        cr_expect_eq(profile_samples(b), 4, "equal stacks are one");
        cr_expect_eq(profile_threads(b), 0);
        profile_free(b);
        profile_free(p);
}

Test(profile_blame, threads_are_told_apart_where_that_is_wanted)
{
        struct profile *p = sampled(), *b;

        cr_assert_eq(profile_blame(p, true, &b), 0);
        cr_expect_eq(profile_threads(b), 3);
        cr_expect_eq(profile_samples(b), 5, "hog's by two threads");
        profile_free(b);
        profile_free(p);
}

Test(profile_blame, has_no_books)
{
        struct profile *p = sampled(), *b;

        cr_assert_eq(profile_blame(p, false, &b), 0);
        cr_expect_str_eq(profile_attribute(b, "service.name"), "shop");
        cr_expect_eq(profile_settings(b)->mode, PROFILE_MODE_BLAME);
        cr_expect_eq(profile_settings(b)->period_ns, 10);
        cr_expect_eq(profile_settings(b)->duration_ns, 7);
        cr_expect_eq(profile_counters_of(b)->ticks, 9);
        cr_expect_eq(profile_counters_of(b)->torn, 1);
        cr_expect(profile_coverage(profile_counters_of(b)) < 0);
        profile_free(b);
        profile_free(p);
}
