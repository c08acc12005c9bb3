/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/command/check/baseline.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(command_baseline);

static const struct {
        const char *branch, *name;
} names[] = {
        { "main", "main" },
        { "release-1.2_x", "release-1.2_x" },
        { "feature/x", "feature%2Fx" },
        { "feature%2Fx", "feature%252Fx" },
        { ".", "%2E" },
        { "..", "%2E." },
        { "../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd" },
        { "a\nb c", "a%0Ab%20c" },
        { "\xc3\xbc", "%C3%BC" },
};

Test(command_baseline, names_of_branches)
{
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                char name[BASELINE_NAME_SIZE];

                cr_expect(baseline_name(names[i].branch, name), "%s", names[i].branch);
                cr_expect_str_eq(name, names[i].name);
        }
}

Test(command_baseline, names_that_are_none)
{
        char name[BASELINE_NAME_SIZE], longer[BASELINE_NAME_SIZE + 1];

        cr_expect_not(baseline_name("", name));
        memset(longer, 'x', sizeof longer);
        longer[BASELINE_NAME_SIZE - 4] = '\0';
        cr_expect(baseline_name(longer, name));
        cr_expect_eq(strlen(name), BASELINE_NAME_SIZE - 4);
        longer[BASELINE_NAME_SIZE - 4] = 'x';
        longer[BASELINE_NAME_SIZE] = '\0';
        cr_expect_not(baseline_name(longer, name));
}
