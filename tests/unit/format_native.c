/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of native code in each format, and back. */
#include "agent/base/base.h"
#include "pprof.pb-c.h"
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <stdlib.h>
#include <string.h>

SUITE(native);

#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define UNKNOWN_AT 0x1f40

static const struct profile_native copy = { PROFILE_KERNEL, "copy_to_user", "[kernel]", "0a1b", 0xffffffff81000010, 0 };
static const struct profile_native read_call = { PROFILE_C, "__read", LIBC, "93ff", 0xf7c20, 0 };
static const struct profile_native unnamed = { PROFILE_C, NULL, "/opt/x/libfoo.so", "77", UNKNOWN_AT, 0 };
static const struct profile_native bare = { PROFILE_C, "main", "/usr/bin/uwsgi", "", 0, 0 };

/* main -> f -> libfoo.so -> __read -> copy_to_user, 3 times, and another build's __read by itself. */
static struct profile *mixed_profile(void)
{
        struct profile *p = profile_new();
        struct profile_native other = read_call;

        other.build_id = "94aa";
        profile_id frames[] = { interned_native(p, &copy), interned_native(p, &read_call), interned_native(p, &unnamed),
                                interned_frame(p, interned_function(p, "f", "/app/a.py", 1), 7),
                                interned_native(p, &bare) };
        profile_id alone = interned_native(p, &other);

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 5), 0, PROFILE_RUNNING, 3, 30), 0);
        cr_assert_eq(profile_add(p, interned_stack(p, &alone, 1), 0, PROFILE_RUNNING, 1, 10), 0);
        profile_set_settings(p, &(struct profile_settings){ .period_ns = 10, .duration_ns = 1000 });
        *profile_counters(p) = (struct profile_counters){ .ticks = 4, .ok = 4, .mixed = 4, .unmerged = 0 };
        return p;
}

static void expect_back(const char *format, const char *expected)
{
        struct profile_set set = helper_set(mixed_profile()), back;
        size_t len;
        char *bytes = helper_write(format_by_name(format)->write, &set, &len), *text;

        back = helper_read_back(bytes, len);
        cr_assert_eq(back.n, 1);
        text = helper_describe_frames(back.items[0]);
        cr_expect_str_eq(text, expected, "%s: got\n%s", format, text);
        if (strcmp(format, "folded") != 0) {
                cr_expect_eq(profile_counters(back.items[0])->mixed, 4);
                cr_expect_eq(profile_counters(back.items[0])->unmerged, 0);
        }
        free(text);
        free(bytes);
        profile_set_deinit(&set);
        profile_set_deinit(&back);
}

#define ALL                                                        \
        "3:\n"                                                     \
        "kernel copy_to_user|[kernel]|0a1b|ffffffff81000010|0|0\n" \
        "C __read|" LIBC "|93ff|f7c20|0|0\n"                       \
        "C libfoo.so+0x1f40|/opt/x/libfoo.so|77|1f40|0|0\n"        \
        "Python f|/app/a.py||0|1|7\n"                              \
        "C main|/usr/bin/uwsgi||0|0|0\n"                           \
        "1:\n"                                                     \
        "C __read|" LIBC "|94aa|f7c20|0|0\n"

Test(native, otlp_comes_back_whole)
{
        expect_back("otlp", ALL);
}

Test(native, pprof_comes_back_whole)
{
        expect_back("pprof", ALL);
}

Test(native, folded_keeps_names_kinds_and_the_names_of_files)
{
        helper_expect("folded", helper_set(mixed_profile()),
                      "main (/usr/bin/uwsgi);f (/app/a.py:7);libfoo.so+0x1f40 (libfoo.so);__read (libc.so.6);"
                      "copy_to_user_[k] 3\n__read (libc.so.6) 1\n");
        expect_back("folded", "3:\n"
                              "kernel copy_to_user|[kernel]||0|0|0\n"
                              "C __read|libc.so.6||0|0|0\n"
                              "C libfoo.so+0x1f40|libfoo.so||0|0|0\n"
                              "Python f|/app/a.py||0|0|7\n"
                              "C main|/usr/bin/uwsgi||0|0|0\n"
                              "1:\n"
                              "C __read|libc.so.6||0|0|0\n");
}

Test(native, folded_frames)
{
        static const struct {
                const char *line, *frame;
        } rows[] = {
                { "f (a.py:1) 1", "Python f|a.py||0|0|1" },
                { "f (a.py) 1", "Python f|a.py||0|0|0" },
                { "f (/x/a.py) 1", "Python f|/x/a.py||0|0|0" },
                { "f (/x/script:3) 1", "Python f|/x/script||0|0|3" },
                { "f (<string>) 1", "Python f|<string>||0|0|0" },
                { "python3 (pid 42) 1", "Python python3|pid 42||0|0|0" },
                { "worker.so (tid 7) 1", "Python worker.so|tid 7||0|0|0" },
                { "f (x.sorted) 1", "Python f|x.sorted||0|0|0" },
                { "[waits: GIL] 1", "Python [waits: GIL]|||0|0|0" },
                { "_[k] 1", "Python _[k]|||0|0|0" },
                { "schedule_[k] 1", "kernel schedule|[kernel]||0|0|0" },
                { "clock_gettime ([vdso]) 1", "C clock_gettime|[vdso]||0|0|0" },
                { "f (libx.so) 1", "C f|libx.so||0|0|0" },
                { "f (_json.cpython-311-x86_64-linux-gnu.so) 1", "C f|_json.cpython-311-x86_64-linux-gnu.so||0|0|0" },
                { "a::b(int, char) const (libstdc++.so.6) 1", "C a::b(int, char) const|libstdc++.so.6||0|0|0" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct profile_set set = helper_read_back(rows[i].line, strlen(rows[i].line));
                char *text = helper_describe_frames(set.items[0]), *end = strrchr(text, '\n');

                *end = '\0';
                cr_expect_str_eq(text + strlen("1:\n"), rows[i].frame, "%s: got %s", rows[i].line, text);
                free(text);
                profile_set_deinit(&set);
        }
}

/* ---- what others see ---------------------------------------------------------- */

static Pprof__Profile *decoded(const struct profile_set *set)
{
        void *bytes;
        size_t len, packed_len;
        char *packed = helper_write(format_by_name("pprof")->write, set, &packed_len);

        cr_assert_eq(gzip_unpack(packed, packed_len, 1 << 20, &bytes, &len), 0);
        Pprof__Profile *p = pprof__profile__unpack(NULL, len, bytes);
        cr_assert_neq(p, NULL);
        free(bytes);
        free(packed);
        return p;
}

/* What is to be looked up later has an address, a build id, no line, and a mapping that does not claim to have names. */
Test(native, pprof_can_be_symbolised_later)
{
        static const struct {
                const char *file, *build_id;
                bool functions, lines;
        } mappings[] = {
                { "python", "", true, true },          { "/opt/x/libfoo.so", "77", false, false },
                { "/usr/bin/uwsgi", "", true, false }, { LIBC, "93ff", true, false },
                { LIBC, "94aa", true, false },         { "[kernel]", "0a1b", true, false },
        };
        struct profile_set set = helper_set(mixed_profile());
        Pprof__Profile *p = decoded(&set);

        cr_assert_eq(p->n_mapping, 6);
        for (size_t i = 0; i < 6; i++) {
                cr_expect_eq(p->mapping[i]->id, i + 1);
                cr_expect_str_eq(p->string_table[p->mapping[i]->filename], mappings[i].file);
                cr_expect_str_eq(p->string_table[p->mapping[i]->build_id], mappings[i].build_id);
                cr_expect_eq(p->mapping[i]->has_functions, mappings[i].functions);
                cr_expect_eq(p->mapping[i]->has_line_numbers, mappings[i].lines);
                cr_expect_eq(p->mapping[i]->memory_start, 0);
        }

        const Pprof__Location *location = p->location[p->sample[0]->location_id[2] - 1];

        cr_expect_eq(location->address, UNKNOWN_AT);
        cr_expect_eq(location->mapping_id, 2);
        cr_expect_eq(location->n_line, 0);
        pprof__profile__free_unpacked(p, NULL);
        profile_set_deinit(&set);
}

Test(native, otlp_has_mappings_and_frame_types)
{
        struct profile_set set = helper_set(mixed_profile());
        size_t len;
        char *text = helper_write(format_write_otlp, &set, &len);
        static const char *const parts[] = {
                "\"mappingTable\":[{},{\"filenameStrindex\":",
                "{\"stringValue\":\"kernel\"}",
                "{\"stringValue\":\"native\"}",
                "{\"stringValue\":\"cpython\"}",
                "\"process.executable.build_id.gnu\"",
                "{\"stringValue\":\"93ff\"}",
                "\"address\":\"1014816\"",
                "\"podflame.mixed\"",
                "\"podflame.unmerged\"",
        };

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
                cr_expect_neq(strstr(text, parts[i]), NULL, "%s is not in %s", parts[i], text);
        free(text);
        profile_set_deinit(&set);
}

Test(native, text_tells_the_counters)
{
        struct profile_set set = helper_set(mixed_profile());

        profile_counters(set.items[0])->unmerged = 1;
        char *text = helper_format("text", &set);
        cr_expect_neq(strstr(text, "Ticks      4, ok 4, mixed 4, unmerged 1\n"), NULL, "%s", text);
        free(text);
        profile_set_deinit(&set);
}
