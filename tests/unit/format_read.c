/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "format_helper.h"
#include "tests/unit/support/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(format_read);

static struct profile *read_one(const void *data, size_t len, struct profile_set *ret)
{
        const char *error = "";

        cr_assert_eq(format_read(guard_copy(data, len), len, ret, &error), 0, "%s", error);
        cr_assert_eq(ret->n, 1);
        return ret->items[0];
}

/* What is read from pprof is written as it was. */
Test(format_read, pprof_and_back)
{
        struct profile *p = helper_service();
        size_t len;

        profile_set_attribute(p, "process.runtime.version", "3.11.2");

        struct profile_set set = helper_set(p), back = { 0 };
        char *written = helper_write(format_by_name("pprof")->write, &set, &len);
        struct profile *read = read_one(written, len, &back);

        cr_expect_eq(profile_total(read), 10);
        cr_expect_eq(profile_settings(read)->period_ns, profile_settings(p)->period_ns);
        cr_expect_eq(profile_settings(read)->mode, PROFILE_MODE_CPU);
        cr_expect_eq(profile_counters_of(read)->torn, profile_counters_of(p)->torn);
        cr_expect_str_eq(profile_attribute(read, "process.runtime.version"), "3.11.2");

        char *folded = helper_format("folded", &set), *again = helper_format("folded", &back);

        cr_expect_str_eq(folded, again);
        free(folded);
        free(again);
        free(written);
        profile_set_deinit(&set);
        profile_set_deinit(&back);
}

Test(format_read, folded_and_back)
{
        static const char text[] = "<module> (/app/main.py:40);handle (/app/main.py:12) 3\n"
                                   "main;a b (c) (x y.py:7);(idle) 12\r\n"
                                   "\n"
                                   "no file 18446744073709551615";
        static const char expected[] = "<module> (/app/main.py:40);handle (/app/main.py:12) 3\n"
                                       "main;a b (c) (x y.py:7);(idle) 12\n"
                                       "no file 18446744073709551615\n";
        struct profile_set set = { 0 };

        read_one(text, strlen(text), &set);

        char *folded = helper_format("folded", &set);

        cr_expect_str_eq(folded, expected);
        free(folded);
        profile_set_deinit(&set);
}

Test(format_read, gzip_and_otlp)
{
        struct profile_set set = helper_set(helper_service()), back = { 0 };
        size_t len, zipped_len;
        char *written = helper_write(format_write_otlp, &set, &len);
        void *zipped;

        cr_assert_eq(gzip_pack(written, len, &zipped, &zipped_len), 0);
        cr_expect_eq(profile_total(read_one(zipped, zipped_len, &back)), 10);
        free(zipped);
        free(written);
        profile_set_deinit(&set);
        profile_set_deinit(&back);
}

#define SPEEDSCOPE "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\", \"shared\": {\"frames\": []}}"

static const struct {
        const char *data;
        size_t len;
        const char *error;
} refused[] = {
        { "", 0, "it is empty" },
        { "{", 1, "cut off, or no JSON" },
        { "{}", 2, "neither resourceProfiles (OTLP) nor shared (speedscope), threads (gecko) or traceEvents" },
        { "{\"resourceProfiles\"", 19, "not JSON" },
        { SPEEDSCOPE, sizeof SPEEDSCOPE - 1, "speedscope: profiles is no array" },
        { "<!DOCTYPE html>", 15, "a page or a picture" },
        { "MOJ\x01", 4, "Austin's binary format" },
        { "{\"type\":\"meta\",\"v\":1}", 21, "CPython's jsonl" },
        { "main 3\nmain;f x\n", 16, "line 2 is not \"stack COUNT\"" },
        { "tid:1;x 3\n", 10, "a frame that is not file:function:line" },
        { " [", 2, "no profile" },
        { "main;f", 6, "no profile" },
        { "main;f x", 8, "no profile" },
        { "main;f -1", 9, "no profile" },
        { "main;f 0", 8, "no profile" },
        { "main;f 18446744073709551616", 27, "no profile" },
        { " 5", 2, "no profile" },
        { "\x1f\x8b", 2, "gzip" },
        { "\x1f\x8b\x08\x00\x00", 5, "gzip" },
        { "\x7f"
          "ELF\x02\x01\x01",
          7, "no profile" },
        { "\0", 1, "no profile" },
        /* A sample whose location is not there: strings "", sample_type, sample {1}. */
        { "\x32\x00\x12\x06\x0a\x01\x07\x12\x01\x01", 10, "a stack leads to no location" },
        { "\x0a\x00\x32\x00\x12\x03\x0a\x01\x07", 9, "a sample has no value" },
};

Test(format_read, what_is_refused_is_told_why)
{
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct profile_set set = { 0 };
                const char *error = "";
                int r = format_read(guard_copy(refused[i].data, refused[i].len), refused[i].len, &set, &error);

                cr_expect_eq(r, -EINVAL, "%zu: %d", i, r);
                cr_expect_neq(strstr(error, refused[i].error), NULL, "%zu: %s", i, error);
        }
}

/* Every prefix of a profile is read or refused, and nothing beyond its end is touched. */
Test(format_read, cut_profiles)
{
        struct profile_set set = helper_set(helper_service());
        size_t len, plain_len;
        char *written = helper_write(format_by_name("pprof")->write, &set, &len);
        void *plain;

        cr_assert_eq(gzip_unpack(written, len, 1 << 20, &plain, &plain_len), 0);
        for (size_t n = 0; n < plain_len; n++) {
                struct profile_set back = { 0 };
                const char *error;

                if (format_read(guard_copy(plain, n), n, &back, &error) == 0)
                        profile_set_deinit(&back);
        }
        free(plain);
        free(written);
        profile_set_deinit(&set);
}

Test(format_read, a_stack_that_is_too_deep)
{
        size_t len = (FORMAT_OTLP_MAX_FRAMES + 1) * 2 + 1;
        struct profile_set set = { 0 };
        const char *error = "";
        char *text = malloc(len);

        for (size_t i = 0; i + 1 < len; i += 2)
                memcpy(text + i, "f;", 2);
        memcpy(text + len - 3, " 1", 2);
        cr_expect_eq(format_read(text, len - 1, &set, &error), -EINVAL);
        cr_expect_str_eq(error, "line 1 has too many frames");
        free(text);
}
