/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of /proc/PID/cgroup to the id of the innermost container.
 *
 * A line is "HIERARCHY:CONTROLLERS:PATH", several of them on cgroup v1. The path
 * is relative to the reader's cgroup namespace, and anything may follow below
 * the container (systemd inside it, a "container" leaf), so its segments are
 * looked at one by one, from the leaf to the root. Only a whole segment counts,
 * and only with a prefix that a runtime is known to put before a container's id:
 * pods, slices and conmon, podman's and CRI-O's monitor, carry ids as well.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <string.h>

#define LONG_ID 64
#define TASK_ID 32
#define STATIC_POD_UID 32

/* systemd's driver: PREFIX-ID.scope; cgroupfs: ID or PREFIX-ID; with a colon: SLICE:PREFIX:ID. */
static const char *const prefixes[] = {
        "docker-", "cri-containerd-", "containerd-", "crio-", "libpod-", "libpod-payload-", "nerdctl-",
};

static size_t count_hex(struct nsutil_text text)
{
        size_t n = 0;

        while (text.at + n < text.end &&
               ((text.at[n] >= '0' && text.at[n] <= '9') || (text.at[n] >= 'a' && text.at[n] <= 'f')))
                n++;
        return n;
}

bool nsutil_text_is_long_id(struct nsutil_text text)
{
        return text.end - text.at == LONG_ID && count_hex(text) == LONG_ID;
}

bool nsutil_copy_id(struct nsutil_text id, char *ret)
{
        size_t len = (size_t)(id.end - id.at);

        if (len == 0 || len >= NSUTIL_CONTAINER_ID_SIZE)
                return false;
        memcpy(ret, id.at, len);
        ret[len] = '\0';
        return true;
}

/* ECS names a task's container "TASK-NUMBER" on Fargate. */
static bool is_fargate_id(struct nsutil_text text)
{
        uint64_t number;

        if (count_hex(text) != TASK_ID)
                return false;
        text.at += TASK_ID;
        return nsutil_text_prefix(&text, "-") && nsutil_text_u64(&text, 10, &number) && text.at == text.end;
}

/* What lxc-create and lxd allow in a name. */
static bool is_lxc_name(struct nsutil_text text)
{
        for (const char *c = text.at; c < text.end; c++)
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                      *c == '-' || *c == '_' || *c == '.'))
                        return false;
        return text.at < text.end;
}

/* "lxc.payload.NAME" since LXC 4, "lxc.payload/NAME" before, "lxc/NAME" before that. */
static bool lxc_id(struct nsutil_text segment, struct nsutil_text parent, char *ret)
{
        if (!nsutil_text_prefix(&segment, "lxc.payload.") && !nsutil_text_is(parent, "lxc.payload") &&
            !nsutil_text_is(parent, "lxc"))
                return false;
        return is_lxc_name(segment) && nsutil_copy_id(segment, ret);
}

static bool hex_id(struct nsutil_text segment, struct nsutil_text parent, char *ret)
{
        struct nsutil_text skipped;

        nsutil_text_suffix(&segment, ".scope");
        while (nsutil_text_until(&segment, ':', &skipped))
                ;
        if (is_fargate_id(segment))
                return nsutil_copy_id(segment, ret);
        /* Below libpod_parent a bare id is a pod's: podman's containers have their prefix. */
        if (nsutil_text_is_long_id(segment))
                return !nsutil_text_is(parent, "libpod_parent") && nsutil_copy_id(segment, ret);
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
                struct nsutil_text id = segment;

                if (nsutil_text_prefix(&id, prefixes[i]) && nsutil_text_is_long_id(id))
                        return nsutil_copy_id(id, ret);
        }
        return false;
}

/* Takes the last segment off a path; false when nothing is left. */
static bool take_leaf(struct nsutil_text *path, struct nsutil_text *ret)
{
        const char *slash = path->at < path->end ? memrchr(path->at, '/', (size_t)(path->end - path->at)) : NULL;

        if (!slash)
                return false;
        *ret = (struct nsutil_text){ slash + 1, path->end };
        path->end = slash;
        return true;
}

static bool path_id(struct nsutil_text path, char *ret)
{
        struct nsutil_text segment, parent, rest;

        nsutil_text_suffix(&path, " (deleted)");
        while (take_leaf(&path, &segment)) {
                rest = path;
                if (!take_leaf(&rest, &parent))
                        parent = (struct nsutil_text){ path.end, path.end };
                if (hex_id(segment, parent, ret) || lxc_id(segment, parent, ret))
                        return true;
        }
        return false;
}

int nsutil_cgroup_container_id(const char *text, size_t len, char ret[static NSUTIL_CONTAINER_ID_SIZE])
{
        struct nsutil_text rest = { text, text + len }, line, skipped;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_until(&line, ':', &skipped) && nsutil_text_until(&line, ':', &skipped) &&
                    path_id(line, ret))
                        return 0;
        return NSUTIL_E_NOT_FOUND;
}

/* UUIDs are written in five groups; slices, where '-' means a parent, have '_' in its place. */
static bool copy_pod_uid(struct nsutil_text text, char *ret)
{
        static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
        size_t len = (size_t)(text.end - text.at);

        if (len != sizeof(shape) - 1 && !(len == STATIC_POD_UID && count_hex(text) == len))
                return false;
        for (size_t i = 0; len == sizeof(shape) - 1 && i < len; i++) {
                struct nsutil_text rest = { text.at + i, text.at + i + 1 };

                if (shape[i] == '-' ? text.at[i] != '-' && text.at[i] != '_' : count_hex(rest) == 0)
                        return false;
        }
        for (size_t i = 0; i < len; i++)
                ret[i] = text.at[i] == '_' ? '-' : text.at[i];
        ret[len] = '\0';
        return true;
}

/* "podUID", or "kubepods-QOS-podUID.slice", to which cgroup v1 may append ":cri-containerd:ID". */
static bool segment_pod_uid(struct nsutil_text segment, char *ret)
{
        static const char infix[] = "-pod";
        struct nsutil_text slice, name;

        if (!nsutil_text_until(&segment, ':', &slice))
                slice = segment;
        if (!nsutil_text_suffix(&slice, ".slice"))
                return nsutil_text_prefix(&slice, "pod") && copy_pod_uid(slice, ret);
        name = slice;
        nsutil_text_prefix(&name, "kubelet-");
        if (!nsutil_text_prefix(&name, "kubepods"))
                return false;
        const char *pod = memmem(name.at, (size_t)(name.end - name.at), infix, sizeof(infix) - 1);
        if (!pod)
                return false;
        name.at = pod + sizeof(infix) - 1;
        return copy_pod_uid(name, ret);
}

int nsutil_cgroup_pod_uid(const char *text, size_t len, char ret[static NSUTIL_POD_UID_SIZE])
{
        struct nsutil_text rest = { text, text + len }, line, segment;

        while (nsutil_text_line(&rest, &line)) {
                if (!nsutil_text_until(&line, ':', &segment) || !nsutil_text_until(&line, ':', &segment))
                        continue;
                while (take_leaf(&line, &segment))
                        if (segment_pod_uid(segment, ret))
                                return 0;
        }
        return NSUTIL_E_NOT_FOUND;
}

bool nsutil_cgroup_is_hidden(const char *text, size_t len)
{
        struct nsutil_text rest = { text, text + len }, line;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_is(line, "0::/"))
                        return true;
        return false;
}
