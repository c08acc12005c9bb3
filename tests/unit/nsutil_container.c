/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

SUITE(nsutil_container);

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"

/* What Docker does to /etc/hosts. */
static int mount_hosts(void *ctx)
{
        return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
               mount(ctx, "/etc/hosts", NULL, MS_BIND, NULL);
}

/* What a user can do to it, whom the kernel lets make user namespaces. */
static int mount_hosts_as_user(void *ctx)
{
        return setresgid(64926, 64926, 64926) || setresuid(64926, 64926, 64926) || unshare(CLONE_NEWUSER) ||
               mount_hosts(ctx);
}

Test(nsutil_container, a_hidden_cgroup_is_made_up_for_by_mounts)
{
        struct nsutil_place place;
        char dir[64], containers[96], container[192], hosts[256];
        char *text;
        size_t len;

        require_root();
        cr_assert_eq(nsutil_read_proc(getpid(), "cgroup", 65536, &text, &len), 0);
        bool hidden = nsutil_cgroup_is_hidden(text, len);
        free(text);
        require(hidden, "needs a hidden cgroup");
        require(nsutil_place(getpid(), &place) == NSUTIL_E_NOT_FOUND, "must not run in a container");
        temp_make(dir, sizeof(dir));
        cr_assert_eq(chmod(dir, 0755), 0);
        snprintf(containers, sizeof(containers), "%s/containers", dir);
        snprintf(container, sizeof(container), "%s/" ID, containers);
        snprintf(hosts, sizeof(hosts), "%s/hosts", container);
        cr_assert_eq(mkdir(containers, 0755), 0);
        cr_assert_eq(mkdir(container, 0755), 0);
        temp_write(container, "hosts", "", 0);
        pid_t pid = child_start(mount_hosts, hosts);
        cr_assert_gt(pid, 0);
        cr_expect_eq(nsutil_place(pid, &place), 0);
        cr_expect_str_eq(place.container_id, ID);
        child_end(pid);
        pid = child_start(mount_hosts_as_user, hosts);
        if (pid > 0) {
                cr_expect_eq(nsutil_place(pid, &place), 0);
                cr_expect_str_eq(place.container_id, ID "@64926");
                child_end(pid);
        }
        temp_remove(container);
        temp_remove(containers);
        temp_remove(dir);
}

Test(nsutil_container, hidden_is_what_the_reader_shares)
{
        static const struct {
                const char *text;
                bool hidden;
        } cases[] = {
                { "0::/\n", true },
                { "0::/", true },
                { "9:name=systemd:/\n0::/\n", true },
                { "9:name=systemd:/\n", false },
                { "0::/..\n", false },
                { "0::/system.slice/ssh.service\n", false },
                { "", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                size_t len = strlen(cases[i].text);

                cr_expect_eq(nsutil_cgroup_is_hidden(guard_copy(cases[i].text, len), len), cases[i].hidden, "%s",
                             cases[i].text);
        }
}

Test(nsutil_container, of_a_process_that_has_ended)
{
        struct nsutil_place place = { .container_id = "x" };

        cr_expect_eq(nsutil_place(gone_pid(), &place), NSUTIL_E_GONE);
        cr_expect_str_eq(place.container_id, "");
}
