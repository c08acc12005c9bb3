/* SPDX-License-Identifier: Apache-2.0 */
/* The sums of `podflame gil`, from profiles whose samples are known. */
#include "agent/command/gil/blame.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(command_blame, .timeout = 60);

static profile_id frame_called(struct profile *p, const char *name, const char *file)
{
        profile_id function, frame;

        cr_assert_eq(profile_intern_function(p, name, file, 1, &function), 0);
        cr_assert_eq(profile_intern_frame(p, function, 0, &frame), 0);
        return frame;
}

static void add_sample(struct profile *p, const char *leaf, const char *caller, uint64_t tid, enum profile_state state,
                       uint64_t ns)
{
        profile_id frames[2] = { frame_called(p, leaf, "") }, stack, thread = 0;

        if (caller)
                frames[1] = frame_called(p, caller, "a.py");
        cr_assert_eq(profile_intern_stack(p, frames, caller ? 2 : 1, &stack), 0);
        if (tid)
                cr_assert_eq(profile_intern_thread(p, tid, "worker", &thread), 0);
        cr_assert_eq(profile_add(p, stack, thread, state, 1, ns), 0);
}

Test(command_blame, frames_are_read_as_they_were_written)
{
        static const uint64_t waiters[] = { 0, 3, 16384, PROFILE_GIL_WAITERS_UNKNOWN };
        char name[PROFILE_GIL_SIZE];
        uint64_t read;

        for (enum profile_gil gil = PROFILE_GIL_HELD; gil <= PROFILE_GIL_MISSING; gil++) {
                for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++) {
                        profile_gil_write(gil, waiters[i], name);
                        const struct profile_function leaf = { .name = name, .file = "" };
                        cr_expect_eq(profile_gil_read(&leaf, &read), gil, "%s", name);
                        cr_expect_eq(read, waiters[i], "%s", name);
                }
        }
}

Test(command_blame, other_frames_say_nothing)
{
        static const struct profile_function others[] = {
                { .name = "[holds GIL: 3 wait]", .file = "a.py", .first_line = 1 },
                { .name = "[holds GIL: -3 wait]", .file = "", .first_line = 0 },
                { .name = "[holds GIL:  wait]", .file = "", .first_line = 0 },
                { .name = "[holds GIL: 3 wait] ", .file = "", .first_line = 0 },
                { .name = "[holds GIL: 99999999999999999999999 wait]", .file = "", .first_line = 0 },
                { .name = "[waits: GIL]", .file = "", .first_line = 0 },
                { .name = "", .file = "", .first_line = 0 },
        };
        uint64_t waiters;

        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                cr_expect_eq(profile_gil_read(&others[i], &waiters), PROFILE_GIL_NONE, "%s", others[i].name);
}

Test(command_blame, blame_is_time_by_waiters)
{
        struct profile *p = profile_new();
        struct blame *b = blame_new();
        struct blame_function rows[4];
        struct blame_thread threads[4];

        add_sample(p, "[holds GIL: 3 wait]", "hog", 1, PROFILE_RUNNING, 10);
        add_sample(p, "[holds GIL: 1 wait]", "hog", 1, PROFILE_RUNNING, 20);
        add_sample(p, "[holds GIL: 0 wait]", "calm", 2, PROFILE_RUNNING, 100);
        add_sample(p, "[holds GIL: unknown wait]", "calm", 2, PROFILE_RUNNING, 5);
        add_sample(p, "[free GIL: 2 wait]", NULL, 0, PROFILE_IDLE, 7);
        add_sample(p, "[GIL of unknown holder: 4 wait]", NULL, 0, PROFILE_IDLE, 2);
        add_sample(p, "[waits: GIL]", NULL, 2, PROFILE_IDLE, 60);
        add_sample(p, "(running)", NULL, 2, PROFILE_RUNNING, 3);
        add_sample(p, "(idle)", NULL, 2, PROFILE_IDLE, 4);
        add_sample(p, "[waits: unknown]", NULL, 2, PROFILE_IDLE, 9);
        cr_assert_eq(blame_add(b, p), 0);

        const struct blame_sums *s = blame_sums(b);
        cr_expect_eq(s->gil_ns, 144);
        cr_expect_eq(s->held_ns, 135);
        cr_expect_eq(s->wanted_ns, 39);
        cr_expect_eq(s->unsure_ns, 5);
        cr_expect_eq(s->waited_ns, 30 + 20 + 14 + 8);
        cr_expect_eq(s->free_ns, 14);
        cr_expect_eq(s->untold_ns, 8);
        cr_expect_eq(s->unknown_ns, 9);

        cr_assert_eq(blame_functions(b, 4, rows), 2);
        cr_expect_str_eq(rows[0].name, "hog");
        cr_expect_str_eq(rows[0].file, "a.py");
        cr_expect_eq(rows[0].waited_ns, 50);
        cr_expect_eq(rows[0].wanted_ns, 30);
        cr_expect_eq(rows[0].held_ns, 30);
        cr_expect_eq(rows[1].waited_ns, 0);
        cr_expect_eq(rows[1].held_ns, 105);

        cr_assert_eq(blame_threads(b, 4, threads), 2);
        cr_expect_eq(threads[0].tid, 2);
        cr_expect_eq(threads[0].ns[BLAME_WAITING], 60);
        cr_expect_eq(threads[0].ns[BLAME_HOLDING], 105);
        cr_expect_eq(threads[0].ns[BLAME_RUNNING], 3);
        cr_expect_eq(threads[0].ns[BLAME_IDLE], 4);
        cr_expect_eq(threads[0].ns[BLAME_UNKNOWN], 9);
        blame_free(b);
        profile_free(p);
}

Test(command_blame, no_gil_is_no_time_of_a_gil)
{
        struct profile *p = profile_new();
        struct blame *b = blame_new();

        add_sample(p, "[no GIL: 0 wait]", NULL, 0, PROFILE_IDLE, 7);
        cr_assert_eq(blame_add(b, p), 0);
        cr_expect_eq(blame_sums(b)->missing_ns, 7);
        cr_expect_eq(blame_sums(b)->gil_ns, 0);
        blame_free(b);
        profile_free(p);
}

Test(command_blame, a_turn_comes_first_and_all_is_kept)
{
        struct profile *p = profile_new(), *later = profile_new();
        struct blame *b = blame_new();
        struct blame_function rows[4];
        struct blame_thread threads[4];

        add_sample(p, "[holds GIL: 3 wait]", "before", 1, PROFILE_RUNNING, 10);
        add_sample(later, "[holds GIL: 2 wait]", "now", 2, PROFILE_RUNNING, 5);
        cr_assert_eq(blame_add(b, p), 0);
        blame_turn(b);
        cr_assert_eq(blame_add(b, later), 0);
        cr_assert_eq(blame_functions(b, 4, rows), 2);
        cr_expect_str_eq(rows[0].name, "now");
        cr_expect_eq(rows[0].recent_ns, 10);
        cr_expect_eq(rows[1].recent_ns, 0);
        cr_expect_eq(rows[1].waited_ns, 30);
        cr_assert_eq(blame_threads(b, 4, threads), 2);
        cr_expect_eq(threads[0].tid, 2);
        cr_expect_eq(threads[0].recent_ns[BLAME_HOLDING], 5);
        cr_expect_eq(threads[1].recent_ns[BLAME_HOLDING], 0);
        cr_expect_eq(threads[1].ns[BLAME_HOLDING], 10);

        blame_reset(b);
        cr_expect_eq(blame_functions(b, 4, rows), 0);
        cr_expect_eq(blame_threads(b, 4, threads), 0);
        cr_expect_eq(blame_sums(b)->gil_ns, 0);
        blame_free(b);
        profile_free(p);
        profile_free(later);
}

Test(command_blame, rows_are_bounded)
{
        static struct blame_function functions[BLAME_MAX + 2];
        static struct blame_thread threads[BLAME_MAX + 2];
        struct profile *p = profile_new();
        struct blame *b = blame_new();
        char name[32];

        for (unsigned i = 0; i < BLAME_MAX + 10; i++) {
                snprintf(name, sizeof name, "f%u", i);
                add_sample(p, "[holds GIL: 1 wait]", name, i + 1, PROFILE_RUNNING, 1);
        }
        cr_assert_eq(blame_add(b, p), 0);
        cr_assert_eq(blame_functions(b, BLAME_MAX + 2, functions), BLAME_MAX + 1);
        cr_expect_str_eq(functions[0].name, BLAME_OTHERS);
        cr_expect_eq(functions[0].waited_ns, 10);
        cr_assert_eq(blame_threads(b, BLAME_MAX + 2, threads), BLAME_MAX + 1);
        cr_expect_eq(threads[0].ns[BLAME_HOLDING], 10);
        blame_free(b);
        profile_free(p);
}
