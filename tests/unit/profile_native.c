/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of native code: what tells them apart, what they are called, and what carries them on. */
#include "agent/profile/profile.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <string.h>

SUITE(profile_native);

#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"

static const struct profile_native read_of_libc = {
        .kind = PROFILE_C,
        .name = "__read",
        .file = LIBC,
        .build_id = "93ff",
        .address = 0xf7c20,
};

static const struct profile_function *function_of(const struct profile *p, profile_id frame)
{
        return profile_function(p, profile_frame(p, frame)->function);
}

static void expect_frame(const struct profile *p, profile_id id, const struct profile_native *is)
{
        const struct profile_function *f = function_of(p, id);

        cr_expect_eq(f->kind, is->kind);
        cr_expect_str_eq(f->name, is->name);
        cr_expect_str_eq(f->file, is->file);
        cr_expect_str_eq(f->build_id, is->build_id);
        cr_expect_eq(f->first_line, 0);
        cr_expect_eq(profile_frame(p, id)->address, is->address);
        cr_expect_eq(profile_frame(p, id)->line, 0);
}

Test(profile_native, a_frame_is_read_back)
{
        struct profile *p = profile_new();

        expect_frame(p, interned_native(p, &read_of_libc), &read_of_libc);
        cr_expect_eq(interned_native(p, &read_of_libc), 1, "the same once more");
        profile_free(p);
}

Test(profile_native, each_property_tells_frames_apart)
{
        struct profile *p = profile_new();
        struct profile_native others[6];

        for (size_t i = 0; i < 6; i++)
                others[i] = read_of_libc;
        others[1].kind = PROFILE_KERNEL;
        others[2].name = "read";
        others[3].file = "/lib/libc.so.6";
        others[4].build_id = "";
        others[5].address++;
        for (size_t round = 0; round < 2; round++)
                for (size_t i = 0; i < 6; i++) {
                        cr_expect_eq(interned_native(p, &others[i]), i + 1);
                        expect_frame(p, (profile_id)i + 1, &others[i]);
                }
        cr_expect_eq(profile_functions(p), 5, "an address is the frame's");
        cr_expect_neq(interned_function(p, "read", LIBC, 0), profile_frame(p, 3)->function, "Python");
        profile_free(p);
}

Test(profile_native, what_has_no_symbol_is_named_by_its_place)
{
        static const struct {
                const char *name, *file;
                uint64_t address;
                const char *called;
        } rows[] = {
                { NULL, "/opt/x/libfoo.so", 0x1f40, "libfoo.so+0x1f40" },
                { "", "/opt/x/libfoo.so", UINT64_MAX, "libfoo.so+0xffffffffffffffff" },
                { NULL, "[vdso]", 0x7, "[vdso]+0x7" },
                { NULL, NULL, 0, "+0x0" },
                { "", "/", 1, "+0x1" },
        };
        struct profile *p = profile_new();

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct profile_native native = { PROFILE_C, rows[i].name, rows[i].file, NULL, rows[i].address, 0 };
                profile_id id = interned_native(p, &native);

                cr_expect_str_eq(function_of(p, id)->name, rows[i].called);
                cr_expect_str_eq(function_of(p, id)->build_id, "");
                cr_expect_not(profile_frame_is_named(p, id), "row %zu", i);
        }
        profile_free(p);
}

Test(profile_native, what_has_no_symbol_is_named_by_its_start)
{
        struct profile_native native = { PROFILE_C, NULL, "/opt/x/libfoo.so", NULL, 0x1f40, 0x1f00 };
        struct profile *p = profile_new();
        profile_id a = interned_native(p, &native), b;

        native.address = 0x1f48;
        b = interned_native(p, &native);
        cr_expect_str_eq(function_of(p, a)->name, "libfoo.so+0x1f00");
        cr_expect_eq(profile_frame(p, a)->function, profile_frame(p, b)->function);
        cr_expect_eq(profile_frame(p, a)->address, 0x1f40);
        cr_expect_eq(profile_frame(p, b)->address, 0x1f48);
        cr_expect_not(profile_frame_is_named(p, a));
        cr_expect_not(profile_frame_is_named(p, b));
        profile_free(p);
}

Test(profile_native, a_symbol_is_a_name)
{
        static const char *const names[] = { "__read",          "libc.so.6",      "libc.so.6+0xf7c200",
                                             "libc.so.6+0x",    "libc.so.6+0x-1", "libc.so.6+0x10000000000000001",
                                             "libc.so.6+0xf7z", "libc.so+0xf7" };
        struct profile *p = profile_new();

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct profile_native native = read_of_libc;

                native.name = names[i];
                cr_expect(profile_frame_is_named(p, interned_native(p, &native)), "%s", names[i]);
        }
        cr_expect(profile_frame_is_named(p, interned_frame(p, interned_function(p, "a.py+0x0", "a.py", 0), 0)),
                  "Python");
        profile_free(p);
}

Test(profile_native, texts_are_read_no_further_than_their_ends)
{
        struct profile *p = profile_new();
        struct profile_native native = read_of_libc;

        native.name = guard_copy("__read", 7);
        native.file = guard_copy(LIBC, sizeof(LIBC));
        native.build_id = guard_copy("93ff", 5);
        expect_frame(p, interned_native(p, &native), &read_of_libc);
        native.name = guard_copy("", 1);
        cr_expect_str_eq(function_of(p, interned_native(p, &native))->name, "libc.so.6+0xf7c20");
        profile_free(p);
}

Test(profile_native, what_cannot_be_is_refused)
{
        struct profile *p = profile_new();
        struct profile_native native = read_of_libc;
        profile_id id = 77;

        native.kind = PROFILE_PYTHON;
        cr_expect_eq(profile_intern_native(p, &native, &id), -EINVAL);
        native.kind = PROFILE_KINDS;
        cr_expect_eq(profile_intern_native(p, &native, &id), -EINVAL);
        cr_expect_eq(profile_copy_function(p, &(struct profile_function){ .kind = PROFILE_KINDS }, &id), -EINVAL);
        cr_expect_eq(profile_copy_frame(p, &(struct profile_frame){ .function = 1 }, &id), -EINVAL);
        cr_expect_eq(id, 77);
        interned_function(p, "f", "a.py", 1);
        profile_limit(p, 1);
        cr_expect_eq(profile_intern_native(p, &read_of_libc, &id), -ENOSPC, "a full profile");
        profile_free(p);
}

Test(profile_native, python_has_no_address_and_no_build_id)
{
        struct profile *p = profile_new();
        struct profile_function function = { .name = "f", .file = "a.py", .first_line = 1, .build_id = "93ff" };
        struct profile_frame frame = { .line = 2, .address = 3 };
        profile_id id;

        cr_assert_eq(profile_copy_function(p, &function, &frame.function), 0);
        cr_expect_eq(interned_function(p, "f", "a.py", 1), frame.function);
        cr_expect_str_eq(profile_function(p, frame.function)->build_id, "");
        cr_assert_eq(profile_copy_frame(p, &frame, &id), 0);
        cr_expect_eq(interned_frame(p, frame.function, 2), id);
        cr_expect_eq(profile_frame(p, id)->address, 0);
        profile_free(p);
}

/* ---- what carries them on -------------------------------------------------- */

/* One sample of a native frame below a Python one. */
static struct profile *mixed_profile(void)
{
        struct profile *p = profile_new();
        profile_id frames[] = { interned_native(p, &read_of_libc),
                                interned_frame(p, interned_function(p, "f", "a.py", 1), 2) };

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_RUNNING, 2, 20), 0);
        *profile_counters(p) = (struct profile_counters){
                .ticks = 2, .ok = 2, .mixed = 2, .unmerged = 1, .sampled_ns = 20, .unmerged_ns = 10
        };
        return p;
}

Test(profile_native, merging_keeps_all_of_a_frame)
{
        struct profile *from = mixed_profile(), *to = mixed_profile();

        cr_assert_eq(profile_merge(to, from, true), 0);
        cr_expect_eq(profile_frames(to), 2);
        cr_expect_eq(profile_samples(to), 1);
        expect_frame(to, 1, &read_of_libc);
        cr_expect_eq(profile_counters(to)->mixed, 4);
        cr_expect_eq(profile_counters(to)->unmerged, 2);
        cr_expect_eq(profile_counters(to)->unmerged_ns, 20);
        profile_free(from);
        profile_free(to);
}

/* Two builds of a library are compared by its functions: so neither the build nor the place in it may tell them apart. */
Test(profile_native, a_map_without_lines_drops_address_and_build_id)
{
        struct profile *from = mixed_profile(), *to = profile_new();
        struct profile_native bare = read_of_libc;
        struct profile_map map;

        bare.build_id = "";
        bare.address = 0;
        cr_assert_eq(profile_map_init(&map, to, from), 0);
        map.no_lines = true;
        cr_assert_eq(profile_map_all(&map, true), 0);
        expect_frame(to, 1, &bare);
        profile_map_deinit(&map);
        profile_free(from);
        profile_free(to);
}

static bool add_reason(void *ctx, struct profile *p, profile_id stack, uint32_t mark, profile_id *ret)
{
        *ret = interned_frame(p, interned_function(p, "[sleeps]", "", 0), 0);
        return ctx == NULL && stack == 1 && mark == 9;
}

Test(profile_native, settling_keeps_native_frames)
{
        struct profile *p = mixed_profile();
        size_t n;

        cr_assert_eq(profile_add_marked(p, 1, 0, PROFILE_IDLE, 9, 1, 10), 0);
        profile_settle(p, &(struct profile_marks){ .leaf = add_reason });
        cr_assert_eq(profile_samples(p), 2);

        const profile_id *frames = profile_stack(p, profile_sample(p, 1)->stack, &n);

        cr_assert_eq(n, 3);
        expect_frame(p, frames[1], &read_of_libc);
        profile_free(p);
}

Test(profile_native, blame_keeps_native_frames_and_the_numbers_of_ticks)
{
        struct profile *from = mixed_profile(), *blamed;
        profile_id frames[] = { interned_frame(from, interned_function(from, "[holds GIL: 3 wait]", "", 0), 0), 1, 2 };
        size_t n;

        cr_assert_eq(profile_add(from, interned_stack(from, frames, 3), 0, PROFILE_RUNNING, 1, 10), 0);
        cr_assert_eq(profile_blame(from, false, &blamed), 0);
        cr_assert_eq(profile_samples(blamed), 1);
        cr_expect_eq(profile_sample(blamed, 0)->count, 3);
        expect_frame(blamed, profile_stack(blamed, 1, &n)[0], &read_of_libc);
        cr_expect_eq(n, 2);
        cr_expect_eq(profile_counters(blamed)->mixed, 2);
        cr_expect_eq(profile_counters(blamed)->unmerged, 1);
        cr_expect_eq(profile_counters(blamed)->unmerged_ns, 0, "it has no books");
        profile_free(from);
        profile_free(blamed);
}
