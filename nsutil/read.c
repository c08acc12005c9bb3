/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reads of files of unknown size. procfs says 0 for the size of all its files, and gives at most a page per
 * read, so that only a read of 0 bytes means the end.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Most files of procfs fit into this size. */
#define FIRST_SIZE ((size_t)4096)

int nsutil_proc_open(const char *path, int *ret_fd)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return nsutil_proc_error(errno);
        *ret_fd = fd;
        return 0;
}

ssize_t nsutil_read_up_to(int fd, char *buf, size_t size)
{
        size_t len = 0;

        while (len < size) {
                ssize_t n = TEMP_FAILURE_RETRY(read(fd, buf + len, size - len));

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        return (ssize_t)len;
}

/* Doubles *@buf, up to @max bytes and the one byte more that shows that the file is longer. */
static int grow_buffer(char **buf, size_t *size, size_t max)
{
        size_t new_size = *size ? *size * 2 : FIRST_SIZE;

        if (new_size > max + 2)
                new_size = max + 2;
        char *new_buf = realloc(*buf, new_size);
        if (!new_buf)
                return -ENOMEM;
        *buf = new_buf;
        *size = new_size;
        return 0;
}

int nsutil_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len)
{
        char *buf = NULL;
        size_t size = 0, len = 0;
        int r;

        do {
                r = grow_buffer(&buf, &size, max);
                if (r)
                        goto out;
                ssize_t n = nsutil_read_up_to(fd, buf + len, size - 1 - len);
                if (n < 0) {
                        r = (int)n;
                        goto out;
                }
                len += (size_t)n;
                if (len > max) {
                        r = NSUTIL_E_TOO_BIG;
                        goto out;
                }
        } while (len == size - 1);

        buf[len] = '\0';
        *ret_text = buf;
        *ret_len = len;
        buf = NULL;
out:
        free(buf);
        return r;
}

int nsutil_open_file_at(int dirfd, const char *path, int *ret_fd)
{
        int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r = 0;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if (r < 0)
                close(fd);
        else
                *ret_fd = fd;
        return r;
}

int nsutil_read_file_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
        int fd, r = nsutil_open_file_at(dirfd, path, &fd);

        if (r < 0)
                return r;
        r = nsutil_read_fd(fd, max, ret_text, ret_len);
        close(fd);
        return r;
}

static int read_file_of_process(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        if (snprintf(path, sizeof(path), "/proc/%d/%s", pid, name) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        int r = nsutil_read_file_at(AT_FDCWD, path, max, ret_text, ret_len);
        return r < 0 ? nsutil_proc_error(-r) : r;
}

int nsutil_read_proc(pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_len)
{
        char *text, *other;
        size_t len = 0, other_len;
        int r = read_file_of_process(pid, name, max, &text, &len);

        /* "stat" is never empty, even of a thread that has ended, and nsutil_task() reads it. */
        pid_t task = len == 0 && r != NSUTIL_E_TOO_BIG && strcmp(name, "stat") != 0 ? nsutil_task(pid) : pid;
        if (task != pid && read_file_of_process(task, name, max, &other, &other_len) == 0) {
                if (!r)
                        free(text);
                text = other;
                len = other_len;
                r = 0;
        }
        if (!r) {
                *ret_text = text;
                *ret_len = len;
        }
        return r;
}
