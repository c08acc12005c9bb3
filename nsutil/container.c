/* SPDX-License-Identifier: Apache-2.0 */
/* Which container a process is in: its cgroup says so, else its mounts may. */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <stdlib.h>
#include <unistd.h>

/* What the reader itself is in; NULL: it cannot be read. */
static char *read_own(size_t *ret_len)
{
        char *text;

        return nsutil_read_proc(getpid(), "cgroup", NSUTIL_CGROUP_MAX, &text, ret_len) ? NULL : text;
}

static int from_cgroup(pid_t pid, struct nsutil_place *ret, bool *ret_hidden)
{
        char *text, *own;
        size_t len, own_len = 0;
        int r = nsutil_read_proc(pid, "cgroup", NSUTIL_CGROUP_MAX, &text, &len);

        if (r)
                return r;
        own = read_own(&own_len);
        nsutil_cgroup_place(text, len, own ? own : "", own ? own_len : 0, ret);
        *ret_hidden = nsutil_cgroup_is_hidden(text, len);
        free(own);
        free(text);
        return ret->container_id[0] ? 0 : NSUTIL_E_NOT_FOUND;
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

int nsutil_place(pid_t pid, struct nsutil_place *ret)
{
        struct nsutil_place place = { 0 };
        bool hidden = false;
        int r = from_cgroup(pid, &place, &hidden);

        if (r == NSUTIL_E_NOT_FOUND && hidden)
                r = from_mountinfo(pid, place.container_id);
        *ret = place;
        return r == NSUTIL_E_TOO_BIG ? NSUTIL_E_NOT_FOUND : r;
}
