/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/profile/profile.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(profile_texts);

static struct profile_text *text_of(struct profile_texts *texts, const char *content, size_t len)
{
        char *copy = malloc(len + 1), name[32];

        memcpy(copy, content, len);
        snprintf(name, sizeof name, "f%zu.py", texts->n);
        cr_assert_eq(profile_texts_add(texts, name, copy, len, NULL), 0);
        return profile_texts_find(texts, name);
}

static struct profile_texts *none(void)
{
        return calloc(1, sizeof(struct profile_texts));
}

Test(profile_texts, have_lines, .timeout = 60)
{
        static const struct {
                const char *content;
                size_t len;
                const char *lines[4];
        } cases[] = {
                { "", 0, { NULL } },
                { "a", 1, { "a" } },
                { "a\n", 2, { "a" } },
                { "a\n\nb", 4, { "a", "", "b" } },
                { "a\r\nb\r\n", 6, { "a", "b" } },
                { "\ta\n ab\tc\n", 9, { "        a", " ab     c" } },
                { "a\0b\n", 4, { "a?b" } },
                { "\n", 1, { "" } },
                { "\r\n", 2, { "" } },
        };
        struct profile_texts *texts = none();

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct profile_text *text = text_of(texts, cases[i].content, cases[i].len);
                uint32_t n = 0;

                for (; cases[i].lines[n]; n++)
                        cr_expect_str_eq(profile_text_line(text, n + 1), cases[i].lines[n], "case %zu", i);
                cr_expect_eq(text->lines, n, "case %zu: %zu lines", i, text->lines);
                cr_expect_null(profile_text_line(text, n + 1));
                cr_expect_null(profile_text_line(text, 0));
        }
        profile_texts_free(texts);
}

Test(profile_texts, that_were_not_read_have_a_reason, .timeout = 60)
{
        struct profile_texts *texts = none();

        cr_assert_eq(profile_texts_add(texts, "a.py", NULL, 0, "it is gone"), 0);
        cr_expect_str_eq(profile_texts_find(texts, "a.py")->why, "it is gone");
        cr_expect_null(profile_text_line(profile_texts_find(texts, "a.py"), 1));
        cr_expect_null(profile_texts_find(texts, "b.py"));
        cr_expect_null(profile_texts_find(NULL, "a.py"));
        profile_texts_free(texts);
}

Test(profile_texts, are_bounded, .timeout = 60)
{
        struct profile_texts *texts = none();
        size_t len = PROFILE_TEXT_BYTES_MAX;
        char *large = malloc(len + 1);

        memset(large, '\n', len + 1);
        cr_expect_not_null(text_of(texts, large, PROFILE_TEXT_LINES_MAX + 1)->why);
        cr_expect_null(text_of(texts, large, PROFILE_TEXT_LINES_MAX)->why);
        memset(large, '\t', len + 1);
        cr_expect_not_null(text_of(texts, large, len)->why, "eight times as much with spaces");
        memset(large, 'x', len + 1);
        cr_expect_not_null(profile_texts_refuse(texts, len + 1));
        while (texts->bytes <= PROFILE_TEXTS_BYTES_MAX - len)
                cr_expect_null(text_of(texts, large, len)->why);
        cr_expect_not_null(text_of(texts, large, len)->why, "no room for one more");
        cr_expect(texts->bytes <= PROFILE_TEXTS_BYTES_MAX);
        while (texts->n < PROFILE_TEXTS_MAX)
                text_of(texts, "a", 1);
        cr_expect_null(text_of(texts, "a", 1));
        cr_expect_eq(texts->left_out, 1);
        profile_texts_free(texts);
        free(large);
}
