/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the container of a process by its cgroup, or else by its mounts.
 *
 * Mounts are in the hands of whoever made the process's user namespace. If that is a user, as with podman without root
 * where there are no cgroups for users, the id gets the user's number, as below user.slice: see cgroup.c.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int read_cgroup(pid_t pid, char **ret_text, size_t *ret_len)
{
        return nsutil_read_proc(pid, "cgroup", NSUTIL_CGROUP_MAX, ret_text, ret_len);
}

/*
 * The reader's own cgroup text. In a PID namespace of its own, that of the first process follows: on a node of kind
 * that one is in the node's container, and podflame may be in another. NULL: it cannot be read.
 */
static char *read_own_cgroup(size_t *ret_len)
{
        char *text, *of_init, *both;
        size_t len;

        if (read_cgroup(getpid(), &text, ret_len))
                return NULL;
        if (nsutil_in_initial_pid_namespace() || read_cgroup(1, &of_init, &len))
                return text;
        both = realloc(text, *ret_len + len + 1);
        if (!both) {
                free(of_init);
                return text;
        }
        memcpy(both + *ret_len, of_init, len);
        *ret_len += len;
        both[*ret_len] = '\0';
        free(of_init);
        return both;
}

static int read_place_from_cgroup(pid_t pid, struct nsutil_place *ret, bool *ret_hidden)
{
        char *text, *own;
        size_t len, own_len = 0;
        int r = read_cgroup(pid, &text, &len);

        if (r)
                return r;
        own = read_own_cgroup(&own_len);
        nsutil_cgroup_place(text, len, own ? own : "", own_len, ret);
        *ret_hidden = nsutil_cgroup_is_hidden(text, len);
        free(own);
        free(text);
        return ret->container_id[0] ? 0 : NSUTIL_E_NOT_FOUND;
}

/* Who has made the user namespace of @pid: 0 for the machine's own. False if that is not known. */
static bool read_owner(pid_t pid, uid_t *ret)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof(path), "/proc/%d/ns/user", nsutil_task(pid));
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        bool known = ioctl(fd, NS_GET_OWNER_UID, ret) == 0;
        close(fd);
        return known;
}

static void add_owner(pid_t pid, char id[static NSUTIL_CONTAINER_ID_SIZE])
{
        size_t len = strlen(id);
        uid_t owner;

        if (!read_owner(pid, &owner))
                snprintf(id + len, NSUTIL_CONTAINER_ID_SIZE - len, "@");
        else if (owner != 0)
                snprintf(id + len, NSUTIL_CONTAINER_ID_SIZE - len, "@%u", owner);
}

static int read_id_from_mountinfo(pid_t pid, char ret[static NSUTIL_CONTAINER_ID_SIZE])
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, "mountinfo", NSUTIL_MOUNTINFO_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_mountinfo_container_id(text, len, ret);
        free(text);
        if (r == 0)
                add_owner(pid, ret);
        return r;
}

int nsutil_place(pid_t pid, struct nsutil_place *ret)
{
        struct nsutil_place place = { 0 };
        bool hidden = false;
        int r = read_place_from_cgroup(pid, &place, &hidden);

        if (r == NSUTIL_E_NOT_FOUND && hidden)
                r = read_id_from_mountinfo(pid, place.container_id);
        *ret = place;
        return r == NSUTIL_E_TOO_BIG ? NSUTIL_E_NOT_FOUND : r;
}

int nsutil_place_agrees(pid_t pid, pid_t first, const char *id, bool *ret)
{
        char *text = NULL, *of_first = NULL, *own = NULL;
        size_t len, of_first_len, own_len = 0;
        struct nsutil_place place;
        int r = read_cgroup(pid, &text, &len);

        if (!r)
                r = read_cgroup(first, &of_first, &of_first_len);
        if (r)
                goto out;
        own = read_own_cgroup(&own_len);
        nsutil_cgroup_place(of_first, of_first_len, own ? own : "", own_len, &place);
        if (strcmp(place.container_id, id) == 0)
                *ret = nsutil_cgroup_agrees(text, len, of_first, of_first_len, own ? own : "", own_len, id);
        else
                r = NSUTIL_E_NOT_FOUND;
out:
        free(own);
        free(of_first);
        free(text);
        return r;
}
