/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <unistd.h>

SUITE(nsutil_quota);

static bool is_set(const char *text)
{
        return nsutil_quota_is_set(text, strlen(text));
}

Test(nsutil_quota, both_versions_tell_whether_there_is_one)
{
        cr_expect(is_set("20000\n"));
        cr_expect_not(is_set("-1\n"));
        cr_expect(is_set("20000 100000\n"));
        cr_expect_not(is_set("max 100000\n"));
        cr_expect_not(is_set("0\n"));
        cr_expect_not(is_set(""));
}

Test(nsutil_quota, periods_are_counted_in_either_text)
{
        const char v1[] = "nr_periods 12\nnr_throttled 7\nthrottled_time 99\n";
        const char v2[] = "usage_usec 5\nuser_usec 4\nsystem_usec 1\nnr_periods 3\nnr_throttled 2\nthrottled_usec 9\n";
        const char root[] = "usage_usec 5\nuser_usec 4\n", bad[] = "nr_throttled x\n";
        uint64_t n = 0;

        cr_expect_eq(nsutil_throttles_parse(v1, strlen(v1), &n), 0);
        cr_expect_eq(n, 7);
        cr_expect_eq(nsutil_throttles_parse(v2, strlen(v2), &n), 0);
        cr_expect_eq(n, 2);
        cr_expect_eq(nsutil_throttles_parse(root, strlen(root), &n), NSUTIL_E_MALFORMED);
        cr_expect_eq(nsutil_throttles_parse(bad, strlen(bad), &n), NSUTIL_E_MALFORMED);
}

Test(nsutil_quota, time_is_nanoseconds_in_either_text)
{
        const char v1[] = "nr_periods 12\nnr_throttled 7\nthrottled_time 99\n";
        const char v2[] = "usage_usec 5\nnr_throttled 2\nthrottled_usec 9\nnr_bursts 0\n";
        const char root[] = "usage_usec 5\n", bad[] = "throttled_time x\n";
        const char large[] = "throttled_usec 18446744073709551615\n";
        uint64_t ns = 0;

        cr_expect_eq(nsutil_throttled_parse(v1, strlen(v1), &ns), 0);
        cr_expect_eq(ns, 99);
        cr_expect_eq(nsutil_throttled_parse(v2, strlen(v2), &ns), 0);
        cr_expect_eq(ns, 9000);
        cr_expect_eq(nsutil_throttled_parse(root, strlen(root), &ns), NSUTIL_E_MALFORMED);
        cr_expect_eq(nsutil_throttled_parse(bad, strlen(bad), &ns), NSUTIL_E_MALFORMED);
        cr_expect_eq(nsutil_throttled_parse(large, strlen(large), &ns), NSUTIL_E_MALFORMED);
}

Test(nsutil_quota, of_a_process_that_has_ended)
{
        struct nsutil_quota quota = { .n = 0 };

        cr_expect_eq(nsutil_quota_open(gone_pid(), &quota), NSUTIL_E_GONE);
        nsutil_quota_close(&quota);
}
