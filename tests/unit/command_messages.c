/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/cli/explanations.h"
#include "agent/command/processes/abi.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/suite.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

SUITE(command_messages);

static const struct {
        uint32_t version;
        const char *expected;
} versions[] = {
        { 0, "?" },
        { 0x030d00f0, "3.13.0" },
        { 0x030b07f0, "3.11.7" },
        { 0x02071200, "2.7" },
        { 0x03090000, "3.9" },
        { 0x030e00a1, "3.14.0a1" },
        { 0x030e00b4, "3.14.0b4" },
        { 0x030e00c2, "3.14.0rc2" },
        { 0x020712f0, "2.7.18" },
        { 0x030f0011, "3.15.0" },      /* a level that no Python has */
        { 0xfffffff0, "255.255.255" }, /* a hostile one */
};

Test(command_messages, versions)
{
        for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
                char text[32];
                format_version(versions[i].version, text, sizeof text);
                cr_expect_str_eq(text, versions[i].expected, "%08x", versions[i].version);
        }
}

Test(command_messages, versions_are_cut_to_size)
{
        char text[5] = "????";

        format_version(0x030d0cf0, text, sizeof text);
        cr_expect_str_eq(text, "3.13");
}

Test(command_messages, abi_takes_what_it_lists)
{
        char list[256], copy[256];
        uint32_t abi, n = 0;

        abi_list(list, sizeof list);
        strcpy(copy, list);
        for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "), n++) {
                char dotted[32];
                cr_expect(abi_parse(word, &abi), "%s", word);
                snprintf(dotted, sizeof dotted, "%c.%s", *word, word + 1);
                cr_expect(abi_parse(dotted, &abi), "%s", dotted);
        }
        cr_expect_geq(n, 8);
        cr_assert(abi_parse("3.11", &abi));
        cr_expect_eq(abi, 311);
}

Test(command_messages, abi_refuses_the_rest)
{
        const char *const words[] = { "",     "0",    "3",    "3.",   ".11",  "3.11.7",
                                      "311 ", " 311", "+311", "31 1", "3.99", "v311" };
        uint32_t abi = 7;

        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                cr_expect_not(abi_parse(words[i], &abi), "'%s'", words[i]);
        cr_expect_eq(abi, 7, "untouched");
}

Test(command_messages, abi_list_is_cut_to_size)
{
        char list[6];

        abi_list(list, sizeof list);
        cr_expect_eq(strlen(list), sizeof list - 1);
}

Test(command_messages, a_denial_without_a_known_cause_is_no_guess)
{
        char why[512];

        if (nsutil_denial(1) != NSUTIL_DENIAL_UNKNOWN)
                cr_skip_test("the kernel says why here");
        explain_denial(1, why, sizeof why);
        cr_expect_eq(strstr(why, "seccomp") != NULL, prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0, "%s", why);
        cr_expect_eq(strstr(why, " may "), NULL, "%s", why);
}

Test(command_messages, a_filter_that_is_there_is_named)
{
        struct sock_filter allow = { BPF_RET, 0, 0, SECCOMP_RET_ALLOW };
        struct sock_fprog program = { 1, &allow };
        char why[512];

        if (nsutil_denial(1) != NSUTIL_DENIAL_UNKNOWN)
                cr_skip_test("the kernel says why here");
        cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
        explain_denial(1, why, sizeof why);
        cr_expect(strstr(why, "podflame is under a seccomp filter"), "%s", why);
}
