/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts may never answer, and what lies in memory. FUSE itself: tests/e2e/test_hostile_pages_of_files.py. */
#include "tests/unit/support/suite.h"

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
        static const char *const others[] = { "fuse", "fuse.sshfs", "fuseblk", "nfs", "nfs4", "cifs", "9p", "ceph",
                                              "virtiofs", "a_type_that_nobody_knows", "ext", "ext44" };

        cr_expect(!may_hang(local, 0));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                char text[1024];
                snprintf(text, sizeof text, "%s25 22 0:77 / /mnt rw shared:3 - %s x rw\n", local, others[i]);
                cr_expect(may_hang(text, 0), "%s", others[i]);
                cr_expect(may_hang(text, 77), "%s", others[i]);
                cr_expect(!may_hang(text, 30), "%s", others[i]);
        }
}

Test(nsutil_hang, a_mount_point_does_not_pass_for_a_type)
{
        cr_expect(!may_hang("25 22 0:77 / /a\\040-\\040nfs rw - tmpfs - rw\n", 0));
        cr_expect(may_hang("25 22 0:77 / /mnt rw - nfs - rw - tmpfs\n", 0));
}

Test(nsutil_hang, lines_that_are_cut)
{
        static const char line[] = "25 22 0:77 / /mnt rw shared:3 - nfs x rw";

        for (size_t len = 0; len < sizeof line - 1; len++) {
                char *text = strndup(line, len);
                nsutil_mounts_may_hang(text, len, NULL);
                free(text);
        }
        cr_expect(may_hang(line, 0));
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
                cr_assert(mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
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
