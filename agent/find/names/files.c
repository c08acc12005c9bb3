/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtimes' files on the host. If podflame runs in a container, they are looked for below the root of PID 1 as
 * well. That is the host's root if the container shares the host's PID namespace. Links there are resolved inside that
 * root: an absolute link would lead into podflame's own root.
 */
#include "agent/find/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ID_LENGTH 64

static int read_file_below_init(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
        int fd, r = nsutil_open_in_root(1, path, &fd);

        if (r)
                return r;
        r = nsutil_read_fd(fd, max, ret_text, ret_len);
        close(fd);
        return r;
}

int find_read_file(const struct find_roots *roots, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
        int r = nsutil_read_file_at(AT_FDCWD, path, max, ret_text, ret_len);

        return r && roots->below_init ? read_file_below_init(path, max, ret_text, ret_len) : r;
}

static int open_dir_below_init(const char *path)
{
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int root = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (root < 0)
                return -1;
        int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        close(root);
        return fd;
}

DIR *find_open_dir(const struct find_roots *roots, const char *path)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && roots->below_init)
                fd = open_dir_below_init(path);
        if (fd < 0)
                return NULL;
        DIR *dir = fdopendir(fd);
        if (!dir)
                close(fd);
        return dir;
}

/* LXC's ids are names, and ".." could be one. */
bool find_is_long_id(const char *id)
{
        return strlen(id) == ID_LENGTH && strspn(id, "0123456789abcdef") == ID_LENGTH;
}
