/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of one profile in another: only what is asked for is taken over, by whatever name the caller gives it. */
#include "agent/profile/profile.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(profile_map);

/* Two stacks, "g" below "f" and "g" alone, and a thread. */
static struct profile *source(void)
{
        struct profile *p = profile_new();
        profile_id f = interned_frame(p, interned_function(p, "f", "/src/a.py", 1), 2);
        profile_id g = interned_frame(p, interned_function(p, "g", "/src/b.py", 10), 11);

        cr_assert_eq(interned_stack(p, (profile_id[]){ f, g }, 2), 1);
        cr_assert_eq(interned_stack(p, &g, 1), 2);
        cr_assert_eq(interned_thread(p, 7, "worker"), 1);
        return p;
}

Test(profile_map, only_what_is_asked_for_is_taken_over)
{
        struct profile *from = source(), *to = profile_new();
        struct profile_map map;
        profile_id id = 99;

        cr_assert_eq(profile_map_init(&map, to, from), 0);
        cr_expect_eq(profile_map_stack(&map, 0, &id), 0);
        cr_expect_eq(id, 0, "none stays none");
        for (int time = 0; time < 2; time++) {
                cr_assert_eq(profile_map_stack(&map, 2, &id), 0);
                cr_expect_eq(id, 1);
                cr_expect_eq(profile_functions(to), 1);
                cr_expect_eq(profile_threads(to), 0);
        }
        cr_assert_eq(profile_map_all(&map, true), 0);
        cr_expect_eq(profile_stacks(to), 2);
        cr_expect_eq(profile_threads(to), 1);
        cr_expect_str_eq(profile_function(to, 1)->name, "g", "what was there keeps its id");
        cr_assert_eq(profile_map_thread(&map, 1, &id), 0);
        cr_expect_eq(id, 1);
        profile_map_deinit(&map);
        profile_free(from);
        profile_free(to);
}

static void shorten(void *ctx, struct profile_function *function)
{
        function->file += strlen(ctx);
}

Test(profile_map, functions_are_renamed_and_lose_their_lines)
{
        struct profile *from = source(), *to = profile_new();
        struct profile_map map;
        size_t n;
        profile_id id;

        cr_assert_eq(profile_map_init(&map, to, from), 0);
        map.rename = shorten;
        map.ctx = (char[]){ "/src/" };
        map.no_lines = true;
        cr_assert_eq(profile_map_frames(&map), 0);
        cr_expect_eq(profile_stacks(to), 0);
        cr_assert_eq(profile_map_stack(&map, 1, &id), 0);

        const struct profile_frame *leaf = profile_frame(to, profile_stack(to, id, &n)[0]);

        cr_expect_eq(n, 2);
        cr_expect_eq(leaf->line, 0);
        cr_expect_str_eq(profile_function(to, leaf->function)->file, "a.py");
        cr_expect_eq(profile_function(to, leaf->function)->first_line, 0);
        profile_map_deinit(&map);
        profile_free(from);
        profile_free(to);
}

Test(profile_map, a_full_profile_takes_nothing_over)
{
        struct profile *from = source(), *to = source();
        struct profile_map map;
        profile_id id;

        cr_assert_eq(profile_map_init(&map, to, from), 0);
        profile_limit(to, 1);
        cr_expect_eq(profile_map_stack(&map, 1, &id), 0, "what it has is found");
        profile_map_deinit(&map);
        cr_assert_eq(profile_map_init(&map, to, from), 0);
        map.no_lines = true;
        cr_expect_eq(profile_map_stack(&map, 2, &id), -ENOSPC);
        profile_map_deinit(&map);
        profile_free(from);
        profile_free(to);
}
