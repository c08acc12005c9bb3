/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts may never answer, and what lies in memory. FUSE itself: tests/e2e/test_hostile_pages_of_files.py. */
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

SUITE(nsutil_hang);

static bool may_hang(const char *text, unsigned minor)
{
        dev_t dev = makedev(0, minor);

        return nsutil_mounts_may_hang(text, strlen(text), minor ? &dev : NULL);
}

Test(nsutil_hang, types_of_mounts)
{
        static const char local[] = "22 1 0:30 / / rw shared:1 - overlay overlay rw,lowerdir=/a\n"
                                    "23 22 0:5 / /proc rw,nosuid shared:2 master:1 - proc proc rw\n"
                                    "24 22 8:1 / /data rw - ext4 /dev/sda1 rw\n";
        static const char *const others[] = { "fuse", "fuse.sshfs", "fuseblk", "nfs",      "nfs4",
                                              "cifs", "9p",         "ceph",    "virtiofs", "a_type_that_nobody_knows",
                                              "ext",  "ext44" };

        cr_expect(!may_hang(local, 0));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                char text[1024];
                snprintf(text, sizeof text, "%s25 22 0:77 / /mnt rw shared:3 - %s x rw\n", local, others[i]);
                cr_expect(may_hang(text, 0), "%s", others[i]);
                cr_expect(may_hang(text, 77), "%s", others[i]);
                cr_expect(!may_hang(text, 30), "%s", others[i]);
        }
}

#define FUSE "30 22 0:50 / /mnt/fuse rw - fuse.lazy x rw\n"
#define OVERLAY(options) "40 22 0:60 / /merged rw - overlay overlay rw," options "\n"

Test(nsutil_hang, layers_of_overlays)
{
        static const struct {
                const char *options;
                bool may;
        } rows[] = {
                { OVERLAY("lowerdir=/a:/b"), false },
                { OVERLAY("lowerdir=/mnt/fuse"), true },
                { OVERLAY("lowerdir=/a:/mnt/fuse/1/fs:/b,redirect_dir=on"), true },
                { OVERLAY("lowerdir=/a:/b::/mnt/fuse/data"), true },
                { OVERLAY("lowerdir=/a,upperdir=/mnt/fuse/up,workdir=/mnt/fuse/work"), true },
                { OVERLAY("lowerdir+=/a,lowerdir+=/mnt/fuse/1"), true },
                { OVERLAY("lowerdir+=/a,datadir+=/mnt/fuse/1"), true },
                { OVERLAY("lowerdir=/a:/mnt/fuse2:/mnt/fus:/x/mnt/fuse,volatile"), false },
                { OVERLAY("lowerdir=/mnt/fuse\\134:x"), false },
                { OVERLAY("lowerdir=/a\\134:/mnt/fuse"), false },
                { OVERLAY("lowerdir=/a\\134\\054\\040b:/mnt/fuse"), true },
                { OVERLAY("lowerdir=/mnt/fuse/local/1"), false },
                { OVERLAY("lowerdir=mnt/fuse:l/A"), false },
                { OVERLAY("lowerdir="), false },
                { OVERLAY("lowerdir"), false },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[2048];

                snprintf(text, sizeof text,
                         "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" FUSE
                         "31 30 8:1 /x /mnt/fuse/local rw - ext4 /dev/sda1 rw\n%s",
                         rows[i].options);
                cr_expect_eq(may_hang(text, 60), rows[i].may, "%s", rows[i].options);
                cr_expect(!may_hang(text, 7));
        }
}

Test(nsutil_hang, layers_below_odd_mount_points)
{
        cr_expect(may_hang("1 1 0:50 / / rw - virtiofs x rw\n" OVERLAY("lowerdir=/a:/b"), 60));
        cr_expect(!may_hang("1 1 0:50 / / rw - virtiofs x rw\n2 1 8:1 / /var rw - xfs /dev/sda rw\n" OVERLAY(
                                    "lowerdir=/var/1:/var/2"),
                            60));
        cr_expect(may_hang("1 1 0:50 / /a\\040b\\134 rw - fuse x rw\n" OVERLAY("lowerdir=/a\\040b\\134\\134/c"), 60));
        /* mounted over: the last one counts */
        cr_expect(may_hang("1 1 8:1 / /a rw - xfs x rw\n2 1 0:50 / /a rw - nfs x rw\n" OVERLAY("lowerdir=/a"), 60));
        cr_expect(!may_hang("1 1 0:50 / /a rw - nfs x rw\n2 1 8:1 / /a rw - xfs x rw\n" OVERLAY("lowerdir=/a"), 60));
}

static bool is_unusual(const char *options)
{
        return nsutil_overlay_is_unusual((struct nsutil_text){ options, options + strlen(options) });
}

/* For others nobody reads the mounts of the whole machine. */
Test(nsutil_hang, overlays_of_images_that_are_unpacked)
{
        cr_expect(!is_unusual("rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B,upperdir="
                              "/var/lib/docker/overlay2/x/diff,workdir=/var/lib/docker/overlay2/x/work"));
        cr_expect(!is_unusual("rw,lowerdir=l/A:l/B"));
        cr_expect(!is_unusual("rw,lowerdir=/var/lib/containers/storage/overlay/l/A"));
        cr_expect(is_unusual("rw,lowerdir=/var/lib/docker/overlay2/l/A:/mnt/fuse"));
        cr_expect(is_unusual("rw,lowerdir=/var/lib/containerd-stargz-grpc/snapshotter/snapshots/7/fs"));
}

Test(nsutil_hang, a_mount_point_does_not_pass_for_a_type)
{
        cr_expect(!may_hang("25 22 0:77 / /a\\040-\\040nfs rw - tmpfs - rw\n", 0));
        cr_expect(may_hang("25 22 0:77 / /mnt rw - nfs - rw - tmpfs\n", 0));
}

Test(nsutil_hang, lines_that_are_cut)
{
        static const char *const lines[] = {
                "25 22 0:77 / /mnt rw shared:3 - nfs x rw",
                FUSE "40 22 0:60 / /merged rw - overlay overlay rw,lowerdir=/a\\134:/b:/mnt/fuse\\040,upperdir=/x",
        };

        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
                for (size_t len = 0; len < strlen(lines[i]); len++) {
                        dev_t dev = makedev(0, 60);

                        nsutil_mounts_may_hang(guard_copy(lines[i], len), len, &dev);
                }
        cr_expect(may_hang(lines[0], 0));
}

Test(nsutil_hang, what_is_in_memory_is_harmless)
{
        char here[3 * 4096] = { 1 };

        cr_expect(!nsutil_span_may_hang(getpid(), (uintptr_t)here, sizeof here));
        cr_expect(!nsutil_span_may_hang(getpid(), UINT64_MAX - 10, 100));
        cr_expect(!nsutil_span_may_hang(getpid(), 0, 0));
}

Test(nsutil_hang, memory_that_was_never_touched_and_none_are_no_files)
{
        char *fresh = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        cr_expect(!nsutil_span_may_hang(getpid(), (uintptr_t)fresh, 1 << 20));
        munmap(fresh, 1 << 20);
        cr_expect(!nsutil_span_may_hang(getpid(), (uintptr_t)fresh, 1 << 20));
}

/* A page of a file in memory that nobody has touched. */
static char *map_file_in_memory(void)
{
        int fd = memfd_create("hang", 0);

        cr_assert(fd >= 0 && ftruncate(fd, 4096) == 0);
        char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        cr_assert(page != MAP_FAILED);
        close(fd);
        return page;
}

Test(nsutil_hang, a_file_in_memory_is_harmless_unless_there_is_too_much_to_look_through)
{
        char *page = map_file_in_memory();

        cr_expect(!nsutil_span_may_hang(getpid(), (uintptr_t)page, 4096));
        for (int i = 0; i < 8000; i++) /* neighbours of the same kind would become one */
                cr_assert(mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                          MAP_FAILED);
        cr_expect(nsutil_span_may_hang(getpid(), (uintptr_t)page, 4096));
}

Test(nsutil_hang, our_own_arguments)
{
        char *text;
        size_t len;

        cr_expect(!nsutil_arguments_may_hang(getpid()));
        cr_assert_eq(nsutil_read_arguments(getpid(), "cmdline", 1 << 16, &text, &len), 0);
        cr_expect(len > 0);
        free(text);
}
