/* SPDX-License-Identifier: Apache-2.0 */
/* Which container a process is in: its cgroup says so, else its mounts may. */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <stdlib.h>

static int from_cgroup(pid_t pid, char *ret, bool *ret_hidden)
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, "cgroup", NSUTIL_CGROUP_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_cgroup_container_id(text, len, ret);
        *ret_hidden = nsutil_cgroup_is_hidden(text, len);
        free(text);
        return r;
}

static int from_mountinfo(pid_t pid, char *ret)
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, "mountinfo", NSUTIL_MOUNTINFO_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_mountinfo_container_id(text, len, ret);
        free(text);
        return r;
}

int nsutil_container_id(pid_t pid, char ret[static NSUTIL_CONTAINER_ID_SIZE])
{
        bool hidden = false;
        int r = from_cgroup(pid, ret, &hidden);

        if (r == NSUTIL_E_NOT_FOUND && hidden)
                r = from_mountinfo(pid, ret);
        return r == NSUTIL_E_TOO_BIG ? NSUTIL_E_NOT_FOUND : r;
}
