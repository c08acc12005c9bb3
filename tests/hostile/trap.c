/* SPDX-License-Identifier: Apache-2.0 */
/* What trap.py cannot do once its interpreter's memory is gone: lay the trap, and go on running or sleeping. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Its pages are to be served by this program, which never does. */
static void serve_never(void *at, size_t len)
{
        struct uffdio_api api = { .api = UFFD_API };
        struct uffdio_register watched = { .range = { (unsigned long)at, len }, .mode = UFFDIO_REGISTER_MODE_MISSING };
        int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

        if (ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &watched) != 0)
                _exit(1);
}

/* Puts pages that never come at @at: of the file @fd, or, if that is -1, served by this program. Never returns. */
void trap(int fd, void *at, size_t len, int sleeps)
{
        int kind = fd < 0 ? MAP_ANONYMOUS : 0;

        if (mmap(at, len, PROT_READ, MAP_PRIVATE | MAP_FIXED | kind, fd, 0) != at)
                _exit(1);
        if (fd < 0)
                serve_never(at, len);
        if (write(STDOUT_FILENO, "trap\n", 5) != 5)
                _exit(1);
        for (;;)
                if (sleeps)
                        pause();
}
