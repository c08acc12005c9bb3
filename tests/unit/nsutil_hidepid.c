/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

SUITE(nsutil_hidepid);

#define PROC(options) "22 28 0:21 / /proc rw,nosuid shared:14 - proc proc rw" options "\n"

static const struct {
        const char *text;
        int result;
        struct nsutil_hidepid hidepid;
} cases[] = {
        { PROC(""), 0, { 0, 0 } },
        { PROC(",hidepid=2"), 0, { 2, 0 } },
        { PROC(",gid=42,hidepid=1"), 0, { 1, 42 } },
        { PROC(",hidepid=invisible,gid=7"), 0, { 2, 7 } },
        { PROC(",hidepid=noaccess"), 0, { 1, 0 } },
        { PROC(",hidepid=ptraceable,subset=pid"), 0, { 4, 0 } },
        { PROC(",hidepid=off"), 0, { 0, 0 } },
        { PROC(",hidepid=future"), 0, { 0, 0 } },
        { PROC(",hidepid=2,gid=42") PROC(""), 0, { 0, 0 } }, /* mounted over */
        { "22 28 0:21 / /proc/sys ro - proc proc rw,hidepid=2\n", NSUTIL_E_NOT_FOUND, { 9, 9 } },
        { "22 28 0:21 / /proc rw - tmpfs proc rw,hidepid=2\n", NSUTIL_E_NOT_FOUND, { 9, 9 } },
        { "22 28 0:21 / /proc rw - proc", NSUTIL_E_NOT_FOUND, { 9, 9 } },
        { "22 28 0:21 / /proc", NSUTIL_E_NOT_FOUND, { 9, 9 } },
        { "", NSUTIL_E_NOT_FOUND, { 9, 9 } },
};

Test(nsutil_hidepid, known_answers)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct nsutil_hidepid hidepid = { 9, 9 };
                size_t len = strlen(cases[i].text);

                cr_expect_eq(nsutil_hidepid_parse(guard_copy(cases[i].text, len), len, &hidepid), cases[i].result,
                             "%zu", i);
                cr_expect_eq(hidepid.level, cases[i].hidepid.level, "case %zu: %u", i, hidepid.level);
                cr_expect_eq(hidepid.gid, cases[i].hidepid.gid, "case %zu: %u", i, hidepid.gid);
        }
}

Test(nsutil_hidepid, nothing_is_hidden_that_is_seen)
{
        cr_expect_not(nsutil_is_hidden(getpid()));
}
