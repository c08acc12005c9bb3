/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

Test(nsutil_privilege, namespaces_are_where_the_kernel_numbers_them)
{
        struct stat pid, user;

        cr_assert_eq(stat("/proc/self/ns/pid", &pid), 0);
        cr_assert_eq(stat("/proc/self/ns/user", &user), 0);
        cr_expect_eq(nsutil_in_initial_pid_namespace(), pid.st_ino == 4026531836u);
        cr_expect_eq(nsutil_in_initial_user_namespace(), user.st_ino == 4026531837u);
}

Test(nsutil_privilege, in_namespaces_of_its_own_it_is_not_in_the_initial_ones)
{
        int status;

        require_root();
        pid_t pid = fork(); /* of one thread, as unshare(2) wants it */
        if (pid == 0)
                _exit(unshare(CLONE_NEWUSER) == 0 ? nsutil_in_initial_user_namespace() : 99);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
}

/* In a child that has given up all capabilities, and one that may. */
Test(nsutil_privilege, reading_is_tried)
{
        int status;

        require_root();
        cr_expect_eq(nsutil_may_read(getpid()), 0);
        cr_expect_eq(nsutil_may_read(2), NSUTIL_E_GONE); /* kthreadd, or nobody */
        pid_t pid = fork();
        if (pid == 0)
                _exit(setresuid(65534, 65534, 65534) == 0 ? nsutil_may_read(getppid()) : 99);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == NSUTIL_E_DENIED, "%x", status);
        cr_expect_eq(nsutil_may_read(pid), NSUTIL_E_GONE);
}

Test(nsutil_privilege, a_label_is_cut_to_its_room)
{
        char label[256] = "x", two[2] = "x";

        bool confined = nsutil_label(label, sizeof(label));
        cr_expect_eq(nsutil_label(two, sizeof(two)), confined);
        cr_expect_eq(strncmp(two, label, strlen(two)), 0);
        cr_expect(*label || !confined);
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
