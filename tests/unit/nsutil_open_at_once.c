/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in the root of a process that has mounted a FUSE file system which never answers. */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

SUITE(nsutil_open_at_once);

static char root[64];

static void make_entry(const char *name, char ret[static PATH_MAX])
{
        snprintf(ret, PATH_MAX, "%s/%s", root, name);
}

/* The mount is there as soon as it is made. Whatever is asked of it waits for a program that reads /dev/fuse. */
static int mount_silent_fuse(int fd)
{
        char options[96];

        snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
        return mount("silent", "/fuse", "fuse", MS_NOSUID | MS_NODEV, options) != 0;
}

static int prepare_root(void *ctx)
{
        int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

        (void)ctx;
        if (fd < 0 || unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount(root, root, NULL, MS_BIND, NULL) != 0 || chdir(root) != 0 || chroot(".") != 0)
                return 1;
        return mount("cool", "/other", "tmpfs", 0, NULL) != 0 || mkdir("/other/folder", 0755) != 0 ||
               close(open("/other/folder/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) != 0 || mount_silent_fuse(fd);
}

static int open_at_once(pid_t pid, const char *path)
{
        int fd, r = nsutil_open_in_root_at_once(pid, path, &fd);

        if (r == 0)
                close(fd);
        return r;
}

Test(nsutil_open_at_once, asks_no_file_system_that_may_hang)
{
        static const struct {
                const char *path;
                int r;
        } cases[] = {
                { "/file", 0 },
                { "/none", NSUTIL_E_NOT_FOUND },
                { "/fifo", NSUTIL_E_NOT_FOUND },
                { "/fuse", NSUTIL_E_HANGS },
                { "/fuse/file", NSUTIL_E_HANGS },
                { "/link", NSUTIL_E_HANGS },
                { "/other/folder/file", 0 }, /* in the kernel's memory, as it was just made */
                { "/other/../file", 0 },
        };
        static const char *const folders[] = { "fuse", "other" };
        struct timespec before, after;
        char path[PATH_MAX];

        require_root();
        temp_make(root, sizeof(root));
        temp_write(root, "file", "x", 1);
        make_entry("fifo", path);
        cr_assert_eq(mkfifo(path, 0666), 0);
        make_entry("link", path);
        cr_assert_eq(symlink("/fuse/file", path), 0);
        for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
                make_entry(folders[i], path);
                cr_assert_eq(mkdir(path, 0755), 0);
        }

        pid_t pid = child_start(prepare_root, NULL);

        clock_gettime(CLOCK_MONOTONIC, &before);
        for (size_t i = 0; pid > 0 && i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_eq(open_at_once(pid, cases[i].path), cases[i].r, "%s: %d", cases[i].path,
                             open_at_once(pid, cases[i].path));
        clock_gettime(CLOCK_MONOTONIC, &after);
        cr_expect_lt(after.tv_sec - before.tv_sec, 5);
        if (pid > 0)
                child_end(pid);
        for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
                make_entry(folders[i], path);
                rmdir(path);
        }
        temp_remove(root);
        require(pid > 0, "needs /dev/fuse");
}
