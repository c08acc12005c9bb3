/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/loadavg: its last number is the PID that was given away last (proc_loadavg(5)). */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Enough for three averages, two counts and a PID. */
#define LOADAVG_MAX ((size_t)128)

int nsutil_newest_parse(const char *text, size_t len, pid_t *ret)
{
        const char *blank = len ? memrchr(text, ' ', len) : NULL;
        struct nsutil_text rest = { blank ? blank + 1 : text, text + len };

        return blank && nsutil_text_pid(&rest, ret) ? 0 : NSUTIL_E_MALFORMED;
}

int nsutil_newest_open(int *ret_fd)
{
        return nsutil_proc_open("/proc/loadavg", ret_fd);
}

int nsutil_newest_read(int fd, pid_t *ret)
{
        char text[LOADAVG_MAX];
        ssize_t len = pread(fd, text, sizeof(text), 0);

        return len < 0 ? nsutil_proc_error(errno) : nsutil_newest_parse(text, (size_t)len, ret);
}
