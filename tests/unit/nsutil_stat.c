/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

SUITE(nsutil_stat);

#define NUMBERS                                                                                       \
        " S 7 8 9 -1 -1 4194304 5 6 7 8 111 222 3 4 20 -5 12 0 987654321 10 20 18446744073709551615 " \
        "1 1 140000000000000 0 0 0 0 4096 81920 0 0 0 17 3 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static int parse(const char *text, size_t len, struct nsutil_stat *ret)
{
        return nsutil_stat_parse(guard_copy(text, len), len, ret);
}

Test(nsutil_stat, known_answers)
{
        static const struct {
                const char *text, *comm;
        } cases[] = {
                { "42 (python3)" NUMBERS, "python3" },
                { "42 (a) S 1 (b)" NUMBERS, "a) S 1 (b" },
                { "42 ())" NUMBERS, ")" },
                { "42 ()" NUMBERS, "" },
                { "42 (a\nb)" NUMBERS, "a\nb" },
                { "42 (kworker/u4:1-events_unbound)" NUMBERS, "kworker/u4:1-ev" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct nsutil_stat stat;

                cr_assert_eq(parse(cases[i].text, strlen(cases[i].text), &stat), 0, "%s", cases[i].text);
                cr_expect_str_eq(stat.comm, cases[i].comm);
                cr_expect_eq(stat.pid, 42);
                cr_expect_eq(stat.ppid, 7);
                cr_expect_eq(stat.state, 'S');
                cr_expect_eq(stat.user_ticks, 111);
                cr_expect_eq(stat.system_ticks, 222);
                cr_expect_eq(stat.threads, 12);
                cr_expect_eq(stat.start_time, 987654321);
                cr_expect_eq(stat.start_stack, 140000000000000);
                cr_expect_eq(stat.cpu, 3);
        }
}

Test(nsutil_stat, flags)
{
        static const struct {
                const char *state_and_flags;
                bool ending, executed;
        } cases[] = { { "S 7 8 9 -1 -1 4194304", false, true },
                      { "S 7 8 9 -1 -1 4194368", false, false },
                      { "R 7 8 9 -1 -1 4194308", true, true },
                      { "Z 7 8 9 -1 -1 4227084", true, true },
                      { "Z 7 8 9 -1 -1 4194304", true, true } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[512];
                struct nsutil_stat stat;

                snprintf(text, sizeof(text), "42 (a) %s%s", cases[i].state_and_flags, strstr(NUMBERS, " 5 6 7 8 "));
                cr_assert_eq(parse(text, strlen(text), &stat), 0);
                cr_expect_eq(stat.ending, cases[i].ending, "%s", cases[i].state_and_flags);
                cr_expect_eq(stat.executed, cases[i].executed, "%s", cases[i].state_and_flags);
        }
}

Test(nsutil_stat, malformed_texts_change_nothing)
{
        static const char *const texts[] = {
                "",
                "42",
                "42 ",
                "42 (",
                "42 (a",
                "42 (a)",
                "42 (a) ",
                "42 (a) S",
                "42 (a) S x",
                "x (a)" NUMBERS,
                ")",
                "42)" NUMBERS,
                "99999999999 (a)" NUMBERS,
                "42 (a) S 99999999999999999999",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct nsutil_stat stat = { .pid = -7 };

                cr_expect_eq(parse(texts[i], strlen(texts[i]), &stat), NSUTIL_E_MALFORMED, "%s", texts[i]);
                cr_expect_eq(stat.pid, -7);
        }
}

Test(nsutil_stat, cut_anywhere)
{
        static const char text[] = "42 (python3)" NUMBERS;
        size_t enough = (size_t)(strstr(text, " 17 3 ") - text) + strlen(" 17 3");
        struct nsutil_stat stat;

        for (size_t len = 0; len < sizeof(text); len++)
                cr_expect_eq(parse(text, len, &stat), len < enough ? NSUTIL_E_MALFORMED : 0, "%zu", len);
}

Test(nsutil_stat, ourselves_and_a_child)
{
        struct nsutil_stat ours, childs;

        prctl(PR_SET_NAME, "a) R 1 (b");
        pid_t pid = child_start(child_idle, NULL);
        cr_assert_eq(nsutil_stat_read(getpid(), &ours), 0);
        cr_assert_eq(nsutil_stat_read(pid, &childs), 0);
        cr_expect_eq(ours.pid, getpid());
        cr_expect_eq(ours.ppid, getppid());
        cr_expect_eq(ours.session, getsid(0));
        cr_expect_eq(ours.state, 'R');
        cr_expect_str_eq(ours.comm, "a) R 1 (b");
        cr_expect_eq(childs.ppid, getpid());
        cr_expect_eq(childs.threads, 1);
        cr_expect_geq(childs.start_time, ours.start_time);
        child_end(pid);
        cr_expect_eq(nsutil_stat_read(pid, &childs), NSUTIL_E_GONE);
}
