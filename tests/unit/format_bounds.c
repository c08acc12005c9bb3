/* SPDX-License-Identifier: Apache-2.0 */
/* Files that ask for much more than they are. */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(format_bounds);

static void expect_refused(const char *bytes, size_t len, const char *sentence)
{
        struct profile_set set = { 0 };
        const char *error = "";
        int r = format_read(bytes, len, &set, &error);

        cr_expect_eq(r, -EINVAL, "%d", r);
        cr_expect_not_null(strstr(error, sentence), "%s", error);
}

/* 4000 frames stay open while the innermost one begins and ends again and again. */
Test(format_bounds, events_that_repeat_a_deep_stack, .timeout = 60)
{
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        fputs("[{\"ph\":\"B\",\"ts\":1}", out);
        for (int i = 0; i < 4000; i++)
                fputs(",{\"ph\":\"B\",\"ts\":1}", out);
        for (int i = 0; i < 40000; i++)
                fprintf(out, ",{\"ph\":\"B\",\"ts\":%d},{\"ph\":\"E\",\"ts\":%d}", i + 1, i + 2);
        putc(']', out);
        fclose(out);
        expect_refused(text, len, "its stacks have more than 134217728 frames together");
        free(text);
}

Test(format_bounds, threads_of_a_trace, .timeout = 60)
{
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        fputs("[{\"ph\":\"B\",\"ts\":1}", out);
        for (int i = 1; i < 66000; i++)
                fprintf(out, ",{\"ph\":\"B\",\"ts\":1,\"tid\":%d}", i);
        putc(']', out);
        fclose(out);
        expect_refused(text, len, "one thread too many");
        free(text);
}

Test(format_bounds, pstats)
{
        size_t len = (size_t)17 << 20;
        char *bytes = malloc(len);

        memset(bytes, 'N', len);
        memcpy(bytes, "{(\x03", 3);
        expect_refused(bytes, len, "it has more than 16 MiB");
        memcpy(bytes, "{(\xff\xff\xff\x7f", 6);
        expect_refused(bytes, (size_t)4 << 20, "it has too many values");
        memcpy(bytes, "{)\x01)\x01)\x01)\x01)\x01)\x01)\x01)\x01)\x01)\x01", 21);
        expect_refused(bytes, 1000, "it is nested too deep");
        /* more frames, and a longer text, than there are bytes */
        memcpy(bytes, "{(\x03\0\0\0u\xff\xff\xff\x7f", 11);
        expect_refused(bytes, 1000, "it is cut off");
        free(bytes);
}

Test(format_bounds, keys_of_mojo, .timeout = 60)
{
        char *bytes;
        size_t len;
        FILE *out = open_memstream(&bytes, &len);

        fputs("MOJ\x03", out);
        for (unsigned i = 0; i <= 1u << 20; i++)
                fprintf(out, "\x0b%c%c%c%c", (int)(0x80 | (i & 0x3f)), (int)(0x80 | (i >> 6 & 0x7f)),
                        (int)(0x80 | (i >> 13 & 0x7f)), (int)(i >> 20)),
                        fwrite("a", 2, 1, out);
        fclose(out);
        expect_refused(bytes, len, "it defines too many strings and frames");
        free(bytes);
}

/* Distinct stacks of 1000 frames: 5 million nodes. */
Test(format_bounds, nodes_of_a_tree, .timeout = 60)
{
        struct profile *p = profile_new();
        profile_id frames[1000], stack;
        struct profile_set set = helper_set(p);
        FILE *out = fopen("/dev/null", "w");

        for (uint32_t i = 0; i < 5000; i++) {
                for (uint32_t k = 0; k < 1000; k++)
                        frames[k] = interned_frame(p, interned_function(p, "f", "", 0), k == 999 ? 10000 + i : k);
                cr_assert_eq(profile_intern_stack(p, frames, 1000, &stack), 0);
                cr_assert_eq(profile_add(p, stack, 0, PROFILE_RUNNING, 1, 1), 0);
        }
        cr_expect_eq(format_by_name("svg")->write(&set, out), -ENOSPC);
        cr_expect_eq(format_by_name("gecko")->write(&set, out), -ENOSPC);
        fclose(out);
        profile_set_deinit(&set);
}

/* 60 000 frames that are each wide enough: 11 rows of 6000 columns. */
Test(format_bounds, frames_of_a_picture, .timeout = 60)
{
        struct profile *p = profile_new();
        struct profile_set set = helper_set(p);
        profile_id frames[11], stack;
        size_t n = 0;

        for (uint32_t i = 0; i < 6000; i++) {
                for (uint32_t k = 0; k < 11; k++)
                        frames[k] = interned_frame(p, interned_function(p, "f", "", 0), i + 1);
                cr_assert_eq(profile_intern_stack(p, frames, 11, &stack), 0);
                cr_assert_eq(profile_add(p, stack, 0, PROFILE_RUNNING, 1, 1), 0);
        }
        char *text = helper_format("svg", &set);
        for (const char *at = text; *at; at++)
                n += strncmp(at, "<g>", 3) == 0; /* strstr() would look for the end each time, with the sanitizers */
        cr_expect_eq(n, 50000);
        cr_expect_not_null(strstr(text, "16000 frames are left out"));
        free(text);
        profile_set_deinit(&set);
}
