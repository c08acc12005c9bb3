/* SPDX-License-Identifier: Apache-2.0 */
/* Where a cgroup's files are, and whether it is frozen: by texts, by files of a folder, and by the kernel itself. */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

SUITE(nsutil_freezer);

#define V1(root, point, options) "30 20 0:26 " root " " point " rw,nosuid shared:9 - cgroup cgroup rw," options "\n"
#define V2(root, point) "31 20 0:27 " root " " point " rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

static const struct {
        const char *mountinfo, *controller, *cgroup, *path;
} cases[] = {
        { V2("/", "/sys/fs/cgroup"), "", "0::/a.slice/b.scope\n", "/sys/fs/cgroup/a.slice/b.scope" },
        { V2("/", "/sys/fs/cgroup"), "", "0::/\n", "/sys/fs/cgroup" },
        { V1("/", "/sys/fs/cgroup/freezer", "freezer"), "freezer", "6:freezer:/docker/x\n0::/y\n",
          "/sys/fs/cgroup/freezer/docker/x" },
        { V1("/", "/cg/cpu", "cpuacct,cpu"), "cpu", "3:cpu,cpuacct:/q\n", "/cg/cpu/q" },
        { V1("/", "/cg/cpu", "cpu") V1("/", "/cg/f", "freezer") V2("/", "/cg/u"), "", "0::/y\n", "/cg/u/y" },
        /* a container's own part of the hierarchy is mounted in it */
        { V1("/docker/x", "/sys/fs/cgroup/freezer", "freezer"), "freezer", "6:freezer:/docker/x/in\n",
          "/sys/fs/cgroup/freezer/in" },
        { V1("/docker/x", "/sys/fs/cgroup/freezer", "freezer"), "freezer", "6:freezer:/docker/x\n",
          "/sys/fs/cgroup/freezer" },
        { V1("/docker/x", "/sys/fs/cgroup/freezer", "freezer"), "freezer", "6:freezer:/docker/xy\n", NULL },
        { V1("/docker/x", "/sys/fs/cgroup/freezer", "freezer"), "freezer", "6:freezer:/other\n", NULL },
        /* outside of our cgroup namespace */
        { V2("/", "/sys/fs/cgroup"), "", "0::/../b\n", NULL },
        { V2("/../..", "/sys/fs/cgroup"), "", "0::/b\n", NULL },
        { V2("/", "/sys/fs/cgroup"), "", "0::/gone (deleted)\n", NULL },
        { V2("/", "/with\\040space"), "", "0::/b\n", NULL },
        { V1("/", "/cg/cpu", "cpuset"), "cpu", "3:cpuset:/q\n", NULL },
        { V1("/", "/cg/f", "freezer"), "", "0::/y\n", NULL },
        { V2("/", "/sys/fs/cgroup"), "", "1:name=systemd:/y\n", NULL },
        { V2("/", "/sys/fs/cgroup"), "", "", NULL },
        { "30 20 0:26 / /x rw - cgroup2", "", "0::/y\n", NULL },
        { "", "", "0::/y\n", NULL },
};

Test(nsutil_freezer, directories_of_cgroups)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                static struct nsutil_hierarchy h;
                static char path[NSUTIL_CGROUP_PATH_SIZE];
                size_t len = strlen(cases[i].mountinfo);
                int r = nsutil_hierarchy_parse(guard_copy(cases[i].mountinfo, len), len, cases[i].controller, &h);

                len = strlen(cases[i].cgroup);
                if (r == 0)
                        r = nsutil_hierarchy_path(&h, guard_copy(cases[i].cgroup, len), len, path);
                cr_expect_eq(r, cases[i].path ? 0 : NSUTIL_E_NOT_FOUND, "case %zu: %d", i, r);
                if (r == 0 && cases[i].path)
                        cr_expect_str_eq(path, cases[i].path, "case %zu", i);
        }
}

/* A folder in the place of the hierarchy of @controller, in which our own cgroup lies. */
static void pretend(const char *dir, const char *controller, struct nsutil_freezers *ret)
{
        char *text, path[NSUTIL_CGROUP_PATH_SIZE];
        size_t len;

        ret->n = 0;
        struct nsutil_hierarchy *h = &ret->items[ret->n++];
        snprintf(h->controller, sizeof h->controller, "%s", controller);
        snprintf(h->root, sizeof h->root, "/");
        h->point[0] = '\0';
        cr_assert_eq(nsutil_read_proc(getpid(), "cgroup", 1 << 16, &text, &len), 0);
        require(nsutil_hierarchy_path(h, text, len, path) == 0, "a cgroup in a hierarchy that can freeze");
        snprintf(h->root, sizeof h->root, "%s", *path ? path : "/");
        snprintf(h->point, sizeof h->point, "%s", dir);
        free(text);
}

static const struct {
        const char *controller, *file, *text;
        int result;
        bool frozen;
} states[] = {
        { "freezer", "freezer.state", "THAWED\n", 0, false },
        { "freezer", "freezer.state", "FREEZING\n", 0, false },
        { "freezer", "freezer.state", "FROZEN\n", 0, true },
        { "", "cgroup.events", "populated 1\nfrozen 0\n", 0, false },
        { "", "cgroup.events", "populated 1\nfrozen 1\n", 0, true },
        { "", "cgroup.events", "populated 1\n", 0, false },
        { "", "cgroup.events", "", 0, false },
};

Test(nsutil_freezer, what_the_files_say)
{
        for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
                static struct nsutil_freezers freezers;
                bool frozen = !states[i].frozen;
                char dir[64];
                temp_make(dir, sizeof dir);
                pretend(dir, states[i].controller, &freezers);
                temp_write(dir, states[i].file, states[i].text, strlen(states[i].text));
                cr_expect_eq(nsutil_frozen(&freezers, getpid(), getpid(), &frozen), states[i].result, "state %zu", i);
                cr_expect_eq(frozen, states[i].frozen, "state %zu", i);
                temp_remove(dir);
        }
}

Test(nsutil_freezer, what_is_not_seen_is_not_told)
{
        static struct nsutil_freezers freezers;
        bool frozen = true;

        cr_expect_eq(nsutil_frozen(&freezers, getpid(), getpid(), &frozen), NSUTIL_E_NOT_FOUND, "no hierarchy");
        pretend("/nonexistent", "freezer", &freezers);
        strcpy(freezers.items[0].root, "/elsewhere");
        cr_expect_eq(nsutil_frozen(&freezers, getpid(), getpid(), &frozen), NSUTIL_E_NOT_FOUND, "another part of it");
        pid_t gone = gone_pid();
        cr_expect_eq(nsutil_frozen(&freezers, gone, gone, &frozen), NSUTIL_E_GONE);
        cr_expect(frozen, "untouched");
}
