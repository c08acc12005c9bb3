/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/nsutil.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static int dir_fd;

static void set_up(void)
{
        temp_make(dir, sizeof(dir));
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(void)
{
        close(dir_fd);
        temp_remove(dir);
        abort_on_leaks();
}

TestSuite(nsutil_read, .init = set_up, .fini = tear_down, .timeout = 60);

/* Sizes around those at which the buffer grows. */
Test(nsutil_read, every_size_comes_whole)
{
        static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 8190, 8191, 8192, 100000 };
        static char data[100000];

        memset(data, 'x', sizeof(data));
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                char name[32], *text;
                size_t len;

                snprintf(name, sizeof(name), "%zu", sizes[i]);
                temp_write(dir, name, data, sizes[i]);
                cr_assert_eq(nsutil_read_file_at(dir_fd, name, sizes[i], &text, &len), 0, "%s", name);
                cr_expect_eq(len, sizes[i]);
                cr_expect_eq(strlen(text), sizes[i]);
                free(text);
                if (sizes[i] > 0)
                        cr_expect_eq(nsutil_read_file_at(dir_fd, name, sizes[i] - 1, &text, &len), NSUTIL_E_TOO_BIG);
        }
}

Test(nsutil_read, a_fifo_does_not_block)
{
        char path[PATH_MAX], *text = NULL;
        size_t len = 77;

        snprintf(path, sizeof(path), "%s/fifo", dir);
        cr_assert_eq(mkfifo(path, 0644), 0);
        cr_expect_eq(nsutil_read_file_at(dir_fd, "fifo", 10, &text, &len), -EINVAL);
        cr_expect_eq(nsutil_read_file_at(dir_fd, ".", 10, &text, &len), -EISDIR);
        cr_expect_eq(nsutil_read_file_at(dir_fd, "absent", 10, &text, &len), -ENOENT);
        cr_expect_null(text);
        cr_expect_eq(len, 77);
}

Test(nsutil_read, proc)
{
        char *text;
        size_t len;

        cr_assert_eq(nsutil_read_proc(getpid(), "stat", 4096, &text, &len), 0);
        cr_expect_eq(atoi(text), getpid());
        cr_expect_eq(text[len], '\0');
        free(text);
        cr_expect_eq(nsutil_read_proc(getpid(), "stat", 10, &text, &len), NSUTIL_E_TOO_BIG);
        cr_expect_eq(nsutil_read_proc(gone_pid(), "stat", 4096, &text, &len), NSUTIL_E_GONE);
}

Test(nsutil_read, an_ended_process_whose_file_is_still_open)
{
        char path[64], *text;
        size_t len;
        pid_t pid = child_start(child_idle, NULL);

        snprintf(path, sizeof(path), "/proc/%d", pid);
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        child_end(pid);
        int r = nsutil_read_file_at(fd, "stat", 4096, &text, &len);
        cr_expect(r == -ESRCH || r == -ENOENT, "%d", r);
        close(fd);
}
