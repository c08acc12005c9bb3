/* SPDX-License-Identifier: Apache-2.0 */
/* Interning: equal things have equal ids, unequal ones don't, and all of it can be read back. */
#include "agent/profile/profile.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(profile_intern);

Test(profile_intern, a_new_profile_is_empty)
{
        struct profile *p = profile_new();

        cr_assert_eq(profile_functions(p), 0);
        cr_assert_eq(profile_frames(p), 0);
        cr_assert_eq(profile_stacks(p), 0);
        cr_assert_eq(profile_threads(p), 0);
        cr_assert_eq(profile_samples(p), 0);
        cr_assert_eq(profile_attributes(p), 0);
        cr_assert_eq(profile_total(p), 0);
        profile_free(p);
        profile_free(NULL);
}

Test(profile_intern, functions_differ_by_name_file_and_line)
{
        struct profile *p = profile_new();

        cr_assert_eq(interned_function(p, "f", "a.py", 1), 1);
        cr_assert_eq(interned_function(p, "g", "a.py", 1), 2);
        cr_assert_eq(interned_function(p, "f", "b.py", 1), 3);
        cr_assert_eq(interned_function(p, "f", "a.py", 2), 4);
        cr_assert_eq(interned_function(p, "a.py", "f", 1), 5);
        cr_assert_eq(interned_function(p, "f", "a.py", 1), 1);
        cr_assert_eq(profile_functions(p), 5);

        const struct profile_function *f = profile_function(p, 3);

        cr_assert_str_eq(f->name, "f");
        cr_assert_str_eq(f->file, "b.py");
        cr_assert_eq(f->first_line, 1);
        profile_free(p);
}

Test(profile_intern, strings_are_copied_and_stay_where_they_are)
{
        struct profile *p = profile_new();
        char name[] = "first";
        profile_id id = interned_function(p, name, "x.py", 1);
        const char *kept = profile_function(p, id)->name;

        memset(name, 'z', sizeof(name) - 1);
        for (unsigned i = 0; i < 20000; i++) {
                char other[32];

                snprintf(other, sizeof(other), "function_%u", i);
                cr_assert_eq(interned_function(p, other, "x.py", i), i + 2);
        }
        cr_assert_str_eq(kept, "first");
        cr_assert_eq(profile_function(p, id)->name, kept);
        profile_free(p);
}

Test(profile_intern, missing_names_are_empty_and_long_ones_whole)
{
        struct profile *p = profile_new();
        size_t len = 300000;
        char *name = malloc(len + 1);

        memset(name, 'n', len);
        name[len] = '\0';
        cr_assert_eq(interned_function(p, NULL, "", 0), 1);
        cr_assert_eq(interned_function(p, "", NULL, 0), 1);
        cr_assert_str_eq(profile_function(p, 1)->name, "");
        cr_assert_str_eq(profile_function(p, 1)->file, "");
        cr_assert_eq(interned_function(p, name, "", 0), 2);
        cr_assert_str_eq(profile_function(p, 2)->name, name);
        free(name);
        profile_free(p);
}

Test(profile_intern, a_string_is_read_no_further_than_its_end)
{
        struct profile *p = profile_new();

        cr_assert_eq(interned_function(p, guard_copy("leaf", 5), guard_copy("", 1), 7), 1);
        cr_assert_eq(interned_function(p, guard_copy("leaf", 5), guard_copy("", 1), 7), 1);
        profile_free(p);
}

Test(profile_intern, frames_differ_by_function_and_line)
{
        struct profile *p = profile_new();
        profile_id f = interned_function(p, "f", "a.py", 1);
        profile_id g = interned_function(p, "g", "a.py", 9);

        cr_assert_eq(interned_frame(p, f, 2), 1);
        cr_assert_eq(interned_frame(p, g, 2), 2);
        cr_assert_eq(interned_frame(p, f, 3), 3);
        cr_assert_eq(interned_frame(p, f, 2), 1);
        cr_assert_eq(profile_frame(p, 3)->function, f);
        cr_assert_eq(profile_frame(p, 3)->line, 3);
        profile_free(p);
}

Test(profile_intern, threads_differ_by_tid_and_name)
{
        struct profile *p = profile_new();
        uint64_t tid;
        const char *name;

        cr_assert_eq(interned_thread(p, 10, "main"), 1);
        cr_assert_eq(interned_thread(p, 10, "worker"), 2);
        cr_assert_eq(interned_thread(p, UINT64_MAX, NULL), 3);
        cr_assert_eq(interned_thread(p, 10, "main"), 1);
        profile_thread(p, 2, &tid, &name);
        cr_assert_eq(tid, 10);
        cr_assert_str_eq(name, "worker");
        profile_thread(p, 3, &tid, &name);
        cr_assert_eq(tid, UINT64_MAX);
        cr_assert_str_eq(name, "");
        profile_free(p);
}

Test(profile_intern, unknown_ids_are_refused)
{
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, "f", "a.py", 1), 1);
        profile_id bad[][2] = { { frame, 0 }, { 0, frame }, { frame, 2 }, { UINT32_MAX, frame } }, id;

        cr_assert_eq(profile_intern_frame(p, 0, 1, &id), -EINVAL);
        cr_assert_eq(profile_intern_frame(p, 2, 1, &id), -EINVAL);
        cr_assert_eq(profile_intern_stack(p, &frame, 0, &id), -EINVAL);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(profile_intern_stack(p, bad[i], 2, &id), -EINVAL);
        cr_assert_eq(profile_frames(p), 1);
        cr_assert_eq(profile_stacks(p), 0);
        profile_free(p);
}

Test(profile_intern, stacks_differ_by_order_and_length)
{
        struct profile *p = profile_new();
        profile_id f = interned_function(p, "f", "a.py", 1);
        profile_id frames[] = { interned_frame(p, f, 1), interned_frame(p, f, 2) };
        profile_id turned[] = { frames[1], frames[0] };
        size_t n;

        cr_assert_eq(interned_stack(p, frames, 2), 1);
        cr_assert_eq(interned_stack(p, frames, 1), 2);
        cr_assert_eq(interned_stack(p, turned, 2), 3);
        cr_assert_eq(interned_stack(p, frames, 2), 1);
        cr_assert_eq(profile_stack(p, 3, &n)[0], frames[1]);
        cr_assert_eq(n, 2);
        profile_free(p);
}

/* The stack that number @i stands for: its digits to the base 7, as frames. */
static size_t digits(unsigned i, profile_id *frames)
{
        size_t n = 0;

        for (; i > 0; i /= 7)
                frames[n++] = i % 7 + 1;
        return n;
}

Test(profile_intern, many_stacks_keep_their_ids)
{
        enum { N = 50000 };
        struct profile *p = profile_new();
        profile_id f = interned_function(p, "f", "a.py", 1);
        profile_id frames[16];

        for (uint32_t line = 1; line <= 7; line++)
                cr_assert_eq(interned_frame(p, f, line), line);
        for (unsigned round = 0; round < 2; round++) {
                for (unsigned i = 1; i <= N; i++)
                        cr_assert_eq(interned_stack(p, frames, digits(i, frames)), i);
        }
        cr_assert_eq(profile_stacks(p), N);
        for (unsigned i = 1; i <= N; i++) {
                size_t n;
                const profile_id *got = profile_stack(p, i, &n);

                cr_assert_eq(n, digits(i, frames));
                cr_assert_arr_eq(got, frames, n * sizeof(*frames));
        }
        profile_free(p);
}

/* A target that makes up endless stacks fills its profile, and the profile stays usable. */
/* What is known is found all the same. */
Test(profile_intern, a_profile_that_is_limited_refuses_what_is_new)
{
        struct profile *p = profile_new();
        profile_id first = 0, id = 0;
        size_t n = 0;
        int r = 0;

        profile_limit(p, 1 << 20);
        for (; r == 0 && n < 100000; n++) {
                char name[1024];
                snprintf(name, sizeof(name), "%0900zu", n);
                r = profile_intern_function(p, name, "a.py", 1, &id);
                if (r == 0)
                        r = profile_intern_frame(p, id, 1, &id);
                if (r == 0)
                        r = profile_intern_stack(p, &id, 1, &id);
                first = first ? first : id;
        }
        cr_expect_eq(r, -ENOSPC);
        cr_expect_gt(n, 900);
        cr_expect_lt(n, 1300);
        cr_expect_eq(profile_intern_function(p, "x", "a.py", 1, &id), -ENOSPC, "a new name");
        char name[1024];
        snprintf(name, sizeof(name), "%0900zu", (size_t)0);
        id = interned_frame(p, interned_function(p, name, "a.py", 1), 1);
        cr_expect_eq(interned_stack(p, &id, 1), first);
        profile_limit(p, 0);
        cr_expect_eq(profile_intern_function(p, "x", "a.py", 1, &id), 0, "without the limit");
        profile_free(p);
}

Test(profile_intern, a_full_profile_refuses_more)
{
        enum { DEPTH = 1 << 16 };
        struct profile *p = profile_new();
        profile_id f = interned_function(p, "f", "a.py", 1);
        profile_id *frames = malloc(DEPTH * sizeof(*frames));
        profile_id stack;
        uint32_t line = 0;
        int r;

        for (size_t i = 0; i < DEPTH; i++)
                frames[i] = interned_frame(p, f, ++line);
        do {
                frames[0] = interned_frame(p, f, ++line);
                r = profile_intern_stack(p, frames, DEPTH, &stack);
        } while (r == 0 && line < 1000000);
        cr_assert_eq(r, -ENOSPC);
        cr_assert_eq(profile_stacks(p), 256);
        cr_assert_eq(profile_add(p, 256, 0, PROFILE_RUNNING, 1, 1), 0);
        free(frames);
        profile_free(p);
}

static void expect_thread(const struct profile *p, profile_id id, uint64_t tid, const char *name)
{
        uint64_t found;
        const char *text;

        profile_thread(p, id, &found, &text);
        cr_expect_eq(found, tid);
        cr_expect_str_eq(text, name);
}

Test(profile_intern, a_thread_can_get_another_name)
{
        struct profile *p = profile_new(), *to = profile_new();
        profile_id first, again, other;

        cr_assert_eq(profile_intern_thread(p, 7, "python", &first), 0);
        cr_assert_eq(profile_name_thread(p, first, "worker-1"), 0);
        cr_assert_eq(profile_name_thread(p, first, "worker-2"), 0);
        expect_thread(p, first, 7, "worker-2");
        cr_assert_eq(profile_intern_thread(p, 7, "python", &again), 0);
        cr_expect_eq(again, first);
        cr_assert_eq(profile_intern_thread(p, 7, "worker-2", &other), 0);
        cr_expect_neq(other, first);
        cr_expect_eq(profile_name_thread(p, 0, "none"), -EINVAL);
        cr_expect_eq(profile_name_thread(p, 99, "none"), -EINVAL);
        cr_assert_eq(profile_merge(to, p, true), 0);
        expect_thread(to, 1, 7, "worker-2");
        profile_free(p);
        profile_free(to);
}

Test(profile_intern, a_thread_that_has_ended_is_not_the_next_one_of_its_tid)
{
        struct profile *p = profile_new();
        profile_id first, next;

        cr_assert_eq(profile_intern_thread(p, 7, "python", &first), 0);
        cr_assert_eq(profile_name_thread(p, first, "worker-1"), 0);
        profile_end_thread(p, first);
        profile_end_thread(p, 0);
        profile_end_thread(p, 99);
        cr_assert_eq(profile_intern_thread(p, 7, "python", &next), 0);
        cr_expect_neq(next, first);
        expect_thread(p, first, 7, "worker-1");
        expect_thread(p, next, 7, "python");
        profile_free(p);
}

Test(profile_intern, a_full_profile_leaves_a_thread_its_name)
{
        struct profile *p = profile_new();
        profile_id id;

        cr_assert_eq(profile_intern_thread(p, 7, "python", &id), 0);
        profile_limit(p, 1);
        cr_expect_eq(profile_name_thread(p, id, "worker-1"), -ENOSPC);
        expect_thread(p, id, 7, "python");
        profile_free(p);
}
