/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

SUITE(nsutil_privilege);

Test(nsutil_privilege, capabilities_agree_with_proc)
{
        struct nsutil_status status;

        cr_assert_eq(nsutil_status_read(getpid(), &status), 0);
        for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
                cr_expect_eq(nsutil_has_cap(cap), (status.cap_eff >> cap & 1) != 0, "%d", cap);
        cr_expect_not(nsutil_has_cap(1000));
        cr_expect_not(nsutil_has_cap(-1));
}

Test(nsutil_privilege, a_capability_given_up)
{
        require_root();
        cr_assert(nsutil_has_cap(CAP_SYS_ADMIN));
        forgo_map_files();
        cr_expect_not(nsutil_has_cap(CAP_SYS_ADMIN));
}

Test(nsutil_privilege, yama_is_a_scope_or_absent)
{
        bool there = access("/proc/sys/kernel/yama/ptrace_scope", R_OK) == 0;
        int scope = nsutil_yama_scope();

        cr_expect_eq(scope >= 0, there);
        cr_expect(scope >= -1 && scope <= 3);
}

Test(nsutil_privilege, labels)
{
        static const struct {
                const char *label;
                bool confines;
        } cases[] = {
                { "", false },
                { "\n", false },
                { "unconfined\n", false },
                { "docker-default (enforce)\n", true },
                { "docker-default (complain)\n", false },
                { "podflame (unconfined)\n", false },
                { "system_u:system_r:container_t:s0:c1,c2", true },
                { "unconfined_u:system_r:container_t:s0", true },
                { "system_u:system_r:spc_t:s0", false },
                { "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                size_t len = strlen(cases[i].label);

                cr_expect_eq(nsutil_label_confines(guard_copy(cases[i].label, len), len), cases[i].confines, "%s",
                             cases[i].label);
        }
}

Test(nsutil_privilege, without_the_capability_that_is_the_reason)
{
        static const cap_value_t ptrace[] = { CAP_SYS_PTRACE };
        cap_t caps = cap_get_proc();

        require(nsutil_yama_scope() < 3, "Yama forbids everything");
        cr_assert_eq(cap_set_flag(caps, CAP_EFFECTIVE, 1, ptrace, CAP_CLEAR), 0);
        cr_assert_eq(cap_set_proc(caps), 0);
        cap_free(caps);
        cr_expect_eq(nsutil_denial(1), NSUTIL_DENIAL_NO_CAP);
}
