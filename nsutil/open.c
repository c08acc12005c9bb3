/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a file as a target sees it, without being led out of its root.
 *
 * The target decides what its links point to. An absolute link that is followed from /proc/PID/root would be resolved
 * on the host. Hence openat2(2). The file is opened with O_PATH first, which does not touch what it finds: a FIFO does
 * not block, a device's driver does not notice. Only what proves to be a regular file is opened for reading.
 *
 * Limit: a path with a newline is not found, since maps escape it.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* openat2(2) fails with EAGAIN if anything is renamed meanwhile. A target could rename files for ever. */
#define MAX_TRIES 16

/* Makes a descriptor for reading of an O_PATH descriptor, which is not consumed, if it is of a regular file. */
static int reopen_for_reading(int path_fd, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        struct stat st;

        if (fstat(path_fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return NSUTIL_E_NOT_FOUND;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
        /* Without O_NONBLOCK a lease that the target holds on its file delays the reader by 45 s. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return errno == EACCES || errno == EPERM ? NSUTIL_E_DENIED : -errno;
        *ret_fd = fd;
        return 0;
}

static int error_of_resolving(int error)
{
        switch (error) {
        case ENOENT:
        case ENOTDIR:
        case ELOOP: /* also a magic link */
        case ENAMETOOLONG:
                return NSUTIL_E_NOT_FOUND;
        case EACCES:
        case EPERM:
                return NSUTIL_E_DENIED;
        default:
                return -error;
        }
}

/* Since Linux 5.12. Resolves a path with the kernel's cache alone, without asking a file system. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static int resolve_in(int root_fd, const char *path, uint64_t flags, int *ret_path_fd)
{
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | flags,
        };
        int tries = 0, fd;

        do
                fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < MAX_TRIES);
        if (fd < 0)
                return error_of_resolving(errno);
        *ret_path_fd = fd;
        return 0;
}

static int open_root(pid_t pid, int *ret_fd)
{
        char root[NSUTIL_PROC_PATH_SIZE];

        snprintf(root, sizeof(root), "/proc/%d/root", nsutil_task(pid));
        int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return nsutil_proc_error(errno);
        *ret_fd = fd;
        return 0;
}

/* Whether the file system of an O_PATH descriptor may hang. statx(2) with this flag does not ask the file system. */
static bool place_may_hang(pid_t pid, int path_fd)
{
        struct statx stx = { 0 };

        if (statx(path_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) != 0 ||
            !(stx.stx_mask & STATX_MNT_ID))
                return true;
        return nsutil_mount_may_hang(pid, stx.stx_mnt_id);
}

/*
 * Resolves a path without asking a file system that may hang: either it stays on the root's, or all of it is in the
 * kernel's cache. Whoever mounts something meanwhile is not noticed.
 */
static int resolve_at_once(pid_t pid, int root_fd, const char *path, int *ret_path_fd)
{
        int r = -EXDEV;

        if (!place_may_hang(pid, root_fd))
                r = resolve_in(root_fd, path, RESOLVE_NO_XDEV, ret_path_fd);
        if (r == -EXDEV)
                r = resolve_in(root_fd, path, RESOLVE_CACHED, ret_path_fd);
        if (!r && place_may_hang(pid, *ret_path_fd))
                r = NSUTIL_E_HANGS;
        return r == -EAGAIN || r == -EINVAL ? NSUTIL_E_HANGS : r;
}

static int open_below_root(pid_t pid, const char *path, bool at_once, int *ret_fd)
{
        int root_fd = -1, path_fd = -1;
        int r = open_root(pid, &root_fd);

        if (r)
                return r;
        r = at_once ? resolve_at_once(pid, root_fd, path, &path_fd) : resolve_in(root_fd, path, 0, &path_fd);
        if (!r)
                r = reopen_for_reading(path_fd, ret_fd);
        if (path_fd >= 0)
                close(path_fd);
        close(root_fd);
        return r;
}

int nsutil_open_in_root(pid_t pid, const char *path, int *ret_fd)
{
        return open_below_root(pid, path, false, ret_fd);
}

int nsutil_open_in_root_at_once(pid_t pid, const char *path, int *ret_fd)
{
        return open_below_root(pid, path, nsutil_has_mount_that_may_hang(pid), ret_fd);
}

int nsutil_open_below(int root_fd, const char *path, int *ret_fd)
{
        int path_fd = -1;
        int r = resolve_in(root_fd, path, 0, &path_fd);

        if (r)
                return r;
        r = reopen_for_reading(path_fd, ret_fd);
        close(path_fd);
        return r;
}

static int open_map_file(pid_t pid, const struct nsutil_map *map, int *ret_fd)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, map->start, map->end);
        int path_fd = open(path, O_PATH | O_CLOEXEC);
        if (path_fd < 0)
                return nsutil_proc_error(errno);
        int r = reopen_for_reading(path_fd, ret_fd);
        close(path_fd);
        return r;
}

/*
 * Maps and stat(2) can disagree about the device of one and the same file. On overlayfs (until Linux 6.8) maps show the
 * layer's device and stat shows overlayfs's own; on btrfs maps show the file system's device and stat shows the
 * subvolume's. The device that stat shows is then an anonymous one, with major number 0. The inode number agrees in
 * both.
 *
 * So another device is accepted if it is anonymous, the inode agrees, and the file is long enough for the mapping. An
 * upgrade that has replaced the file is still noticed: the old inode lives while it is mapped, so that the new file has
 * another number. A target could contrive such an agreement, but gains nothing: the file is below its root in any case,
 * and it could as well have mapped that other file.
 */
static bool is_file_of(const struct nsutil_map *map, const struct stat *st)
{
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        uint64_t length = map->end - map->start, size = (uint64_t)st->st_size;

        if (st->st_ino != map->inode)
                return false;
        if (st->st_dev == map->dev)
                return true;
        return major(st->st_dev) == 0 && map->offset < size && length <= (size - map->offset + page - 1) / page * page;
}

/*
 * Maps, like the link /proc/PID/root, show paths from the root of the target's mount namespace, or from podflame's root
 * if the two share that namespace. After chroot(2) those paths begin with the target's own root.
 */
static const char *path_in_root(pid_t pid, const char *path)
{
        char link[NSUTIL_PROC_PATH_SIZE], root[PATH_MAX];

        snprintf(link, sizeof(link), "/proc/%d/root", pid);
        ssize_t len = readlink(link, root, sizeof(root));
        if (len > 1 && len < (ssize_t)sizeof(root) && !strncmp(path, root, (size_t)len) && path[len] == '/')
                return path + len;
        return path;
}

static int open_by_path(pid_t pid, const struct nsutil_map *map, int *ret_fd)
{
        struct stat st;
        int fd;
        int r = nsutil_open_in_root_at_once(pid, path_in_root(pid, map->path), &fd);

        if (r)
                return r;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!is_file_of(map, &st))
                r = NSUTIL_E_NOT_FOUND;
        if (r)
                close(fd);
        else
                *ret_fd = fd;
        return r;
}

int nsutil_open_map(pid_t pid, const struct nsutil_map *map, int *ret_fd)
{
        pid_t task = nsutil_task(pid);

        if (map->inode == 0 || map->path[0] != '/')
                return NSUTIL_E_NOT_FOUND;
        if (nsutil_map_may_hang(task, map))
                return NSUTIL_E_HANGS;
        if (open_map_file(task, map, ret_fd) == 0)
                return 0;
        return open_by_path(task, map, ret_fd);
}
