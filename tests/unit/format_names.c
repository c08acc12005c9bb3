/* SPDX-License-Identifier: Apache-2.0 */
/* Escaped names turned back to the true ones, as far as UTF-8 can hold these. */
#include "agent/format/format.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdlib.h>
#include <string.h>

SUITE(format_names);

static char *true_name(const char *escaped)
{
        char *name = format_true_name(guard_copy(escaped, strlen(escaped) + 1));

        cr_assert_not_null(name);
        return name;
}

Test(format_names, known_answers)
{
        static const struct {
                const char *escaped, *name;
        } rows[] = {
                { "", "" },
                { "plain caf\xc3\xa9", "plain caf\xc3\xa9" },
                { "new\\x0aline", "new\nline" },
                { "new\\\\x0aline", "new\\x0aline" },
                { "\\u202e\\u0085\\x7f", "\xe2\x80\xae\xc2\x85\x7f" },
                { "C:\\\\dir\\\\x", "C:\\dir\\x" },
                { "a\\x3bb", "a;b" },
                /* what UTF-8 cannot hold, and names that spell it */
                { "\\udc80", "\\udc80" },
                { "\\\\udc80", "\\\\udc80" },
                { "\\\\\\udc80", "\\\\\\udc80" },
                { "\\xe9", "\\xe9" },
                { "\\\\xe9", "\\\\xe9" },
                { "\\\\x69", "\\x69" },
                { "\\\\u12", "\\u12" },
                { "\\x00", "\\x00" },
                { "\\\\x00", "\\\\x00" },
                { "\\U00110000", "\\U00110000" },
                /* of other programs, which escape nothing */
                { "C:\\dir\\\\x", "C:\\dir\\\\x" },
                { "end\\", "end\\" },
                { "\\xZZ", "\\xZZ" },
                { "\xff\\", "\\xff\\" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *name = true_name(rows[i].escaped);

                cr_expect_str_eq(name, rows[i].name, "row %zu: %s", i, name);
                free(name);
        }
}

/* All escaped names of up to five parts, of parts that could be taken for each other. */
Test(format_names, different_names_stay_different)
{
        static const char *const parts[] = { "\\\\", "\\udc80", "udc80", "\\xe9", "xe9", "\\x0a", "x0a" };
        enum { PARTS = sizeof(parts) / sizeof(parts[0]), NAMES = PARTS * PARTS * PARTS * PARTS };
        static char *names[NAMES], *escaped[NAMES];

        for (size_t i = 0; i < NAMES; i++) {
                char text[64] = "";
                for (size_t rest = i, n = 0; n < 4; n++, rest /= PARTS)
                        strcat(text, parts[rest % PARTS]);
                escaped[i] = strdup(text);
                names[i] = true_name(text);
        }
        for (size_t i = 0; i < NAMES; i++)
                for (size_t j = 0; j < i; j++)
                        if (strcmp(names[i], names[j]) == 0)
                                cr_expect_str_eq(escaped[i], escaped[j], "%s and %s are both %s", escaped[i],
                                                 escaped[j], names[i]);
        for (size_t i = 0; i < NAMES; i++) {
                free(names[i]);
                free(escaped[i]);
        }
}
