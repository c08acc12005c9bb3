/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

SUITE(escape);

static const struct {
        const char *in, *out;
} texts[] = {
        { "", "" },
        { "handle", "handle" },
        { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5" },
        { "a\nb\tc\x1b[31m\x7f", "a\\x0ab\\x09c\\x1b[31m\\x7f" },
        { "\xc2\x9b"
          "31m",
          "\\u009b31m" }, /* C1's CSI */
        { "\x9b"
          "31m",
          "\\x9b31m" }, /* a byte that is no character */
        { "x\xe2\x80\xae"
          "y",
          "x\\u202ey" },                                /* right to left */
        { "\xff\xfe", "\\xff\\xfe" },                   /* no lead bytes */
        { "\x80", "\\x80" },                            /* a lone continuation */
        { "\xc3", "\\xc3" },                            /* cut off by the end */
        { "\xe2\x82", "\\xe2\\x82" },                   /* likewise */
        { "\xc3(", "\\xc3(" },                          /* cut off by another character */
        { "\xc0\xaf", "\\xc0\\xaf" },                   /* '/' in two bytes */
        { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* in three */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
        { "\xef\xbf\xbd", "\xef\xbf\xbd" },             /* somebody's replacement character */
};

Test(escape, clean)
{
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char *clean = escape_clean(guard_copy(texts[i].in, strlen(texts[i].in) + 1));

                cr_expect_str_eq(clean, texts[i].out, "row %zu: %s", i, clean);
                free(clean);
        }
}

Test(escape, null_is_empty)
{
        char *clean = escape_clean(NULL);

        cr_assert_str_eq(clean, "");
        free(clean);
}

static char *written(void (*write)(const char *s, FILE *out), const char *s)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        write(s, out);
        cr_assert_eq(escape_finish(out), 0);
        fclose(out);
        return text;
}

Test(escape, forms)
{
        static const struct {
                void (*write)(const char *s, FILE *out);
                const char *in, *out;
        } forms[] = {
                { escape_text, "a;b\n", "a;b\\x0a" },
                { escape_folded, "a;b\n", "a\\x3bb\\x0a" },
                { escape_json, "a\"b\\c", "\"a\\\"b\\\\c\"" },
                { escape_json, "</script><!--", "\"\\u003c/script>\\u003c!--\"" },
                { escape_json, "a\nb", "\"a\\\\x0ab\"" },
                { escape_json, "\xe2\x80\xa8", "\"\\\\u2028\"" },
                { escape_json, NULL, "\"\"" },
        };

        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                char *text = written(forms[i].write, forms[i].in);

                cr_expect_str_eq(text, forms[i].out, "row %zu: %s", i, text);
                free(text);
        }
}

Test(escape, folded_is_taken_back)
{
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "a\\x3bb", "a;b" },       { "\\x3b\\x3b", ";;" },       { "a\\\\x3bb", "a\\\\x3bb" },
                { "a\\\\\\x3b", "a\\\\;" }, { "a\\x0ab\\", "a\\x0ab\\" }, { "", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char text[32];

                strcpy(text, rows[i].in);
                escape_unfold(text);
                cr_expect_str_eq(text, rows[i].out, "row %zu: %s", i, text);
        }
}

/* What is clean stays as it is, whatever it was made from. */
Test(escape, clean_is_stable)
{
        unsigned seed = 1;

        for (int round = 0; round < 2000; round++) {
                char noise[17] = { 0 };

                for (size_t i = 0; i < sizeof(noise) - 1; i++)
                        noise[i] = (char)(rand_r(&seed) >> 4);
                char *once = escape_clean(noise), *twice = escape_clean(once);
                cr_expect_str_eq(once, twice);
                free(once);
                free(twice);
        }
}

Test(escape, finish_reports_a_full_disk)
{
        FILE *full = fopen("/dev/full", "w");

        cr_assert_neq(full, NULL);
        fputs("text", full);
        cr_expect_eq(escape_finish(full), -ENOSPC);
        fclose(full);
}
