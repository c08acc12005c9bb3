/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A target's root, in which it has prepared traps; its "secret" is not that of the host. */
static char dir[64], outside[64];

static void path_in(char *ret, const char *parent, const char *name)
{
        snprintf(ret, PATH_MAX, "%s/%s", parent, name);
}

static void link_in_root(const char *name, const char *target)
{
        char path[PATH_MAX];

        path_in(path, dir, name);
        cr_assert_eq(symlink(target, path), 0);
}

static void set_up(void)
{
        char path[PATH_MAX];

        temp_make(dir, sizeof(dir));
        temp_make(outside, sizeof(outside));
        temp_write(outside, "secret", "host", 4);
        temp_write(dir, "file", "inside", 6);
        link_in_root("good", "/file");
        link_in_root("loop", "loop");
        path_in(path, outside, "secret");
        link_in_root("absolute", path);
        link_in_root("relative", "../../../../../../etc/passwd");
        path_in(path, dir, "fifo");
        cr_assert_eq(mkfifo(path, 0666), 0);
}

static void tear_down(void)
{
        temp_remove(dir);
        temp_remove(outside);
        abort_on_leaks();
}

TestSuite(nsutil_open, .init = set_up, .fini = tear_down, .timeout = 60);

static int enter_root(void *ctx)
{
        return chroot(ctx) || chdir("/");
}

static void expect_content(int fd, const char *content)
{
        char buf[64];
        ssize_t n = read(fd, buf, sizeof(buf));

        cr_expect_eq(n, (ssize_t)strlen(content));
        cr_expect_eq(memcmp(buf, content, strlen(content)), 0);
        cr_expect_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        cr_expect_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(fd);
}

static const char *const traps[] = {
        "/absolute", "/relative", "/loop", "/fifo", "/", "", "/absent", "/file/below", "/../../etc/passwd",
};

Test(nsutil_open, nothing_leads_out_of_the_root)
{
        int fd = -7;

        require_root();
        pid_t pid = child_start(enter_root, dir);
        cr_assert_gt(pid, 0);
        cr_assert_eq(nsutil_open_in_root(pid, "/good", &fd), 0);
        expect_content(fd, "inside");
        cr_assert_eq(nsutil_open_in_root(pid, "/../../file", &fd), 0);
        expect_content(fd, "inside");
        fd = -7;
        for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++)
                cr_expect_eq(nsutil_open_in_root(pid, traps[i], &fd), NSUTIL_E_NOT_FOUND, "%s", traps[i]);
        cr_expect_eq(fd, -7);
        child_end(pid);
        cr_expect_eq(nsutil_open_in_root(pid, "/good", &fd), NSUTIL_E_GONE);
}

Test(nsutil_open, nothing_leads_out_of_a_folder)
{
        int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -7;

        cr_assert_geq(root, 0);
        for (size_t i = 0; i < sizeof(traps) / sizeof(*traps); i++)
                cr_expect_eq(nsutil_open_below(root, traps[i], &fd), NSUTIL_E_NOT_FOUND, "%s", traps[i]);
        cr_expect_eq(fd, -7);
        cr_assert_eq(nsutil_open_below(root, "good", &fd), 0);
        expect_content(fd, "inside");
        close(root);
}

Test(nsutil_open, magic_links_and_devices_are_refused)
{
        int fd;

        cr_expect_eq(nsutil_open_in_root(getpid(), "/proc/self/exe", &fd), NSUTIL_E_NOT_FOUND);
        cr_expect_eq(nsutil_open_in_root(getpid(), "/proc/self/root/etc/passwd", &fd), NSUTIL_E_NOT_FOUND);
        cr_expect_eq(nsutil_open_in_root(getpid(), "/dev/null", &fd), NSUTIL_E_NOT_FOUND);
}

/* ---- the file behind a map --------------------------------------------------- */

/* Maps the first page of @path, and keeps it mapped. */
static int map_path(void *ctx)
{
        int fd = open(ctx, O_RDONLY | O_CLOEXEC);
        void *map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);

        return fd < 0 || map == MAP_FAILED || close(fd);
}

static struct nsutil_map find_map(const struct nsutil_maps *maps, const char *path)
{
        for (size_t i = 0; i < maps->n; i++)
                if (!strcmp(maps->maps[i].path, path))
                        return maps->maps[i];
        cr_assert(0, "%s is not mapped", path);
        return (struct nsutil_map){ 0 };
}

static int open_map_of(pid_t pid, const char *path, int *ret_fd)
{
        struct nsutil_maps maps;

        cr_assert_eq(nsutil_maps_read(pid, &maps), 0);
        struct nsutil_map map = find_map(&maps, path);
        int r = nsutil_open_map(pid, &map, ret_fd);
        nsutil_maps_deinit(&maps);
        return r;
}

static void expect_map(pid_t pid, const char *path, const char *content)
{
        int fd = -7;

        cr_assert_eq(open_map_of(pid, path, &fd), 0, "%s", path);
        expect_content(fd, content);
}

Test(nsutil_open, a_mapped_file_with_and_without_map_files)
{
        char path[PATH_MAX];

        require_root();
        path_in(path, dir, "file");
        pid_t pid = child_start(map_path, path);
        expect_map(pid, path, "inside");
        forgo_map_files();
        expect_map(pid, path, "inside");
        child_end(pid);
}

static bool is_on_root_mount(const char *path)
{
        struct stat root, st;

        return stat("/", &root) == 0 && stat(path, &st) == 0 && root.st_dev == st.st_dev;
}

/*
 * The name leads nowhere, or to another file. Where a file system that may never answer is mounted, and the path is not on
 * the root's mount, it depends on what the kernel has in its cache whether that can be told at once.
 */
static void expect_no_map(pid_t pid, const char *path)
{
        int fd = -7;
        int r = open_map_of(pid, path, &fd);

        cr_expect(r == NSUTIL_E_NOT_FOUND ||
                          (r == NSUTIL_E_HANGS && nsutil_has_mount_that_may_hang(pid) && !is_on_root_mount(dir)),
                  "%s: %d", path, r);
        cr_expect_eq(fd, -7);
}

Test(nsutil_open, a_deleted_file_is_found_by_map_files_alone)
{
        char path[PATH_MAX];

        require_root();
        path_in(path, dir, "file");
        pid_t pid = child_start(map_path, path);
        cr_assert_eq(unlink(path), 0);
        expect_map(pid, path, "inside");
        forgo_map_files();
        expect_no_map(pid, path);
        temp_write(dir, "file", "replaced", 8);
        expect_no_map(pid, path);
        child_end(pid);
}

static int map_in_root(void *ctx)
{
        static char path[] = "/file";

        return enter_root(ctx) || map_path(path);
}

Test(nsutil_open, maps_of_a_changed_root)
{
        char path[PATH_MAX];

        require_root();
        path_in(path, dir, "file");
        pid_t pid = child_start(map_in_root, dir);
        forgo_map_files();
        expect_map(pid, path, "inside");
        child_end(pid);
}

/* A container as overlay2 makes it: a mount namespace of its own, with an overlay in it. */
static int map_in_overlay(void *ctx)
{
        static char path[] = "/file";
        char options[PATH_MAX];
        const char *scratch = ctx;

        snprintf(options, sizeof(options), "lowerdir=%s:%s", dir, outside);
        if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("overlay", scratch, "overlay", 0, options))
                return 1;
        return chdir(scratch) || chroot(".") || map_path(path);
}

Test(nsutil_open, maps_of_an_overlay)
{
        char scratch[64], path[PATH_MAX];

        require_root();
        temp_make(scratch, sizeof(scratch));
        path_in(path, scratch, "file");
        pid_t pid = child_start(map_in_overlay, scratch);
        if (pid > 0) {
                expect_map(pid, path, "inside");
                forgo_map_files();
                expect_map(pid, path, "inside");
                child_end(pid);
        }
        temp_remove(scratch);
        require(pid > 0, "needs overlayfs");
}

/* A map of ours, of a file of @size bytes in @parent. */
static struct nsutil_map mapped(const char *parent, size_t size, char path[static PATH_MAX])
{
        static char data[8192];
        struct stat st;

        path_in(path, parent, "mapped");
        temp_write(parent, "mapped", data, size);
        cr_assert_eq(stat(path, &st), 0);
        return (struct nsutil_map){
                .start = 0x1000,
                .end = 0x2000,
                .dev = st.st_dev,
                .inode = st.st_ino,
                .path = path,
        };
}

static int open_and_close(const struct nsutil_map *map)
{
        int fd, r = nsutil_open_map(getpid(), map, &fd);

        if (!r)
                close(fd);
        return r;
}

/* What maps show of a file on overlayfs before Linux 6.8, and on btrfs: another device. */
Test(nsutil_open, another_device_is_forgiven_if_it_is_anonymous)
{
        char path[PATH_MAX], shm[] = "/dev/shm/podflame-unit-XXXXXX";

        cr_assert_not_null(mkdtemp(shm));
        struct nsutil_map map = mapped(shm, 4097, path);
        require(major(map.dev) == 0, "needs a tmpfs on /dev/shm");
        struct nsutil_map other = map;
        other.dev = makedev(254, 1);
        cr_expect_eq(open_and_close(&map), 0);
        cr_expect_eq(open_and_close(&other), 0);
        other.end = other.start + 8192;
        cr_expect_eq(open_and_close(&other), 0);
        other.end++;
        cr_expect_eq(open_and_close(&other), NSUTIL_E_NOT_FOUND, "longer than the file");
        other.end = other.start + 4096;
        other.offset = 8192;
        cr_expect_eq(open_and_close(&other), NSUTIL_E_NOT_FOUND, "begins behind the file");
        other.offset = UINT64_MAX;
        cr_expect_eq(open_and_close(&other), NSUTIL_E_NOT_FOUND);
        map.inode++;
        cr_expect_eq(open_and_close(&map), NSUTIL_E_NOT_FOUND, "another inode");
        temp_remove(shm);
}

Test(nsutil_open, another_device_is_not_forgiven_if_it_is_a_disk)
{
        char path[PATH_MAX];
        struct nsutil_map map = mapped(dir, 4096, path);

        require(major(map.dev) != 0, "needs /tmp on a disk");
        cr_expect_eq(open_and_close(&map), 0);
        map.dev++;
        cr_expect_eq(open_and_close(&map), NSUTIL_E_NOT_FOUND);
}

Test(nsutil_open, what_is_no_file_has_none)
{
        struct nsutil_map anonymous = { .start = 0x1000, .end = 0x2000, .path = "" };
        struct nsutil_map stack = { .start = 0x1000, .end = 0x2000, .path = "[stack]", .inode = 5 };

        cr_expect_eq(open_and_close(&anonymous), NSUTIL_E_NOT_FOUND);
        cr_expect_eq(open_and_close(&stack), NSUTIL_E_NOT_FOUND);
}
