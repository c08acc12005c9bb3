/* SPDX-License-Identifier: Apache-2.0 */
/* A process as a whole: its program, its pidfd, and the list of all PIDs. */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void make_proc_path(pid_t pid, const char *name, char ret[static NSUTIL_PROC_PATH_SIZE])
{
        snprintf(ret, NSUTIL_PROC_PATH_SIZE, "/proc/%d/%s", pid, name);
}

/* Kernel threads and zombies have no program. The kernel says for them, too, that the link is not found. */
static int error_of_exe_link(pid_t pid, int error)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        make_proc_path(pid, "", path);
        if (error == ENOENT && access(path, F_OK) == 0)
                return NSUTIL_E_NOT_FOUND;
        return nsutil_proc_error(error);
}

int nsutil_exe(pid_t pid, char *buf, size_t size)
{
        char path[NSUTIL_PROC_PATH_SIZE];
        char target[PATH_MAX]; /* the kernel fails with ENAMETOOLONG beyond a page */

        make_proc_path(pid, "exe", path);
        ssize_t n = readlink(path, target, sizeof(target));
        pid_t task = n < 0 ? nsutil_task(pid) : pid;
        if (task != pid) {
                make_proc_path(task, "exe", path);
                n = readlink(path, target, sizeof(target));
        }
        if (n < 0)
                return error_of_exe_link(pid, errno);

        struct nsutil_text exe = { target, target + n };
        nsutil_text_suffix(&exe, " (deleted)");
        size_t len = (size_t)(exe.end - exe.at);
        if (len > size - 1)
                len = size - 1;
        memcpy(buf, target, len);
        buf[len] = '\0';
        return 0;
}

int nsutil_pidfd_open(pid_t pid, int *ret_fd)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        if (fd < 0)
                return nsutil_proc_error(errno);
        *ret_fd = fd;
        return 0;
}

int nsutil_each_pid(int (*each)(pid_t pid, void *ctx), void *ctx)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return -errno;
        while (!r && (entry = readdir(dir))) {
                struct nsutil_text name = { entry->d_name, entry->d_name + strlen(entry->d_name) };
                pid_t pid;

                if (nsutil_text_pid(&name, &pid) && name.at == name.end)
                        r = each(pid, ctx);
        }
        closedir(dir);
        return r;
}
