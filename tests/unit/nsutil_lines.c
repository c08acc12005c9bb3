/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <limits.h>
#include <string.h>

SUITE(nsutil_text);

static struct nsutil_text text(const char *string)
{
        char *copy = guard_copy(string, strlen(string));

        return (struct nsutil_text){ copy, copy + strlen(string) };
}

Test(nsutil_text, numbers)
{
        static const struct {
                const char *string;
                unsigned base;
                bool ok;
                uint64_t value;
                size_t left;
        } cases[] = {
                { "0", 10, true, 0, 0 },
                { "18446744073709551615", 10, true, UINT64_MAX, 0 },
                { "18446744073709551616", 10, false, 0, 20 },
                { "99999999999999999999999", 10, false, 0, 23 },
                { "ffffffffffffffff", 16, true, UINT64_MAX, 0 },
                { "10000000000000000", 16, false, 0, 17 },
                { "777", 8, true, 511, 0 },
                { "79", 8, true, 7, 1 },
                { "12a", 10, true, 12, 1 },
                { "fg", 16, true, 15, 1 },
                { "", 10, false, 0, 0 },
                { "-1", 10, false, 0, 2 },
                { " 1", 10, false, 0, 2 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct nsutil_text t = text(cases[i].string);
                uint64_t value = 0;

                cr_expect_eq(nsutil_text_u64(&t, cases[i].base, &value), cases[i].ok, "%s", cases[i].string);
                cr_expect_eq(value, cases[i].value, "%s", cases[i].string);
                cr_expect_eq(t.end - t.at, (ptrdiff_t)cases[i].left, "%s", cases[i].string);
        }
}

Test(nsutil_text, pids)
{
        struct nsutil_text most = text("2147483647"), more = text("2147483648");
        pid_t pid = -1;

        cr_expect_not(nsutil_text_pid(&more, &pid));
        cr_expect_eq(pid, -1);
        cr_expect_eq(*more.at, '2');
        cr_expect(nsutil_text_pid(&most, &pid));
        cr_expect_eq(pid, INT_MAX);
}

Test(nsutil_text, lines)
{
        struct nsutil_text t = text("a\n\nb"), line;

        cr_expect(nsutil_text_line(&t, &line) && nsutil_text_is(line, "a"));
        cr_expect(nsutil_text_line(&t, &line) && nsutil_text_is(line, ""));
        cr_expect(nsutil_text_line(&t, &line) && nsutil_text_is(line, "b"));
        cr_expect_not(nsutil_text_line(&t, &line));
}

Test(nsutil_text, prefix_and_suffix)
{
        struct nsutil_text t = text("abcabc");

        cr_expect_not(nsutil_text_prefix(&t, "abcabcd"));
        cr_expect_not(nsutil_text_suffix(&t, "xabcabc"));
        cr_expect(nsutil_text_prefix(&t, "ab"));
        cr_expect(nsutil_text_suffix(&t, "bc"));
        cr_expect(nsutil_text_is(t, "ca"));
        cr_expect_not(nsutil_text_is(t, "c"));
        cr_expect_not(nsutil_text_is(t, "cab"));
        cr_expect(nsutil_text_prefix(&t, "ca"));
        cr_expect_not(nsutil_text_prefix(&t, "c"));
}

Test(nsutil_text, every_error_has_a_name)
{
        for (int error = 0; error <= NSUTIL_E_TOO_BIG; error++)
                cr_expect_gt(strlen(nsutil_strerror(error)), 3, "%d", error);
        cr_expect_str_eq(nsutil_strerror(NSUTIL_E_HANGS + 1), "unknown error");
        cr_expect_str_eq(nsutil_strerror(-2), "No such file or directory");
}
