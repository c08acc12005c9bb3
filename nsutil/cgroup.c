/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of /proc/PID/cgroup to the container and the pod of a process.
 *
 * A line is "HIERARCHY:CONTROLLERS:PATH", several of them on cgroup v1. The path
 * is relative to the reader's cgroup namespace, and anything may follow below
 * the container (systemd inside it, a "container" leaf), so its segments are
 * looked at one by one, from the root to the leaf. Only a whole segment counts,
 * and only with a prefix that a runtime is known to put before a container's id:
 * pods, slices and conmon, podman's and CRI-O's monitor, carry ids as well.
 *
 * Whoever has a cgroup of his own gives those below it any name:
 *   - a container, so the outermost one counts. A reader that is inside of one as
 *     well (a node of kind) looks on from where their paths part;
 *   - a user, below user.slice (systemd): what a user calls a container there has
 *     the user's number behind its id, and is none of root's runtimes;
 *   - a service that systemd gives its cgroup to (Delegate=): but for runtimes, and
 *     podman's --cgroups=split, there are no containers below one.
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
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' ||
                      *c == '_' || *c == '.'))
                        return false;
        return text.at < text.end;
}

/* "lxc.payload.NAME" since LXC 4, "lxc.payload/NAME" before, "lxc/NAME" before that. */
static bool take_lxc_id(struct nsutil_text segment, struct nsutil_text parent, char *ret)
{
        if (!nsutil_text_prefix(&segment, "lxc.payload.") && !nsutil_text_is(parent, "lxc.payload") &&
            !nsutil_text_is(parent, "lxc"))
                return false;
        return is_lxc_name(segment) && nsutil_copy_id(segment, ret);
}

static bool take_hex_id(struct nsutil_text segment, struct nsutil_text parent, char *ret)
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
static bool take_pod_uid(struct nsutil_text segment, char *ret)
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

/* ---- whose part of the tree it is -------------------------------------------- */

static bool has_word(struct nsutil_text text, const char *word)
{
        return text.at < text.end && memmem(text.at, (size_t)(text.end - text.at), word, strlen(word));
}

/* "user-1000.slice", "user@1000.service": @ret is the number, as long as it is one. */
static bool is_of_user(struct nsutil_text segment, struct nsutil_text *ret)
{
        struct nsutil_text number = segment, rest;
        uint64_t uid;

        if (nsutil_text_is(segment, "user.slice"))
                return true;
        if (!(nsutil_text_prefix(&number, "user-") && nsutil_text_suffix(&number, ".slice")) &&
            !((number = segment, nsutil_text_prefix(&number, "user@")) && nsutil_text_suffix(&number, ".service")))
                return false;
        rest = number;
        if (nsutil_text_u64(&rest, 10, &uid) && rest.at == rest.end)
                *ret = number;
        return true;
}

/* Services that are runtimes, or run one. */
static const char *const runtimes[] = { "containerd", "docker", "crio", "k3s", "rke2", "k0s", "kubelet" };

static bool is_of_service(struct nsutil_text segment)
{
        if (!nsutil_text_suffix(&segment, ".service"))
                return false;
        for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++)
                if (has_word(segment, runtimes[i]))
                        return false;
        return true;
}

static bool may_be_below_a_service(struct nsutil_text segment)
{
        return has_word(segment, ":") || has_word(segment, "libpod-payload-");
}

/* ---- a path -------------------------------------------------------------------- */

struct walk {
        struct nsutil_place *place;
        struct nsutil_text user; /* its number; empty: not known */
        bool of_user, of_service;
};

/* "ID@UID": no id of root's runtimes has such a shape. */
static bool add_user(const struct walk *walk, char *id)
{
        size_t len = strlen(id), uid_len = (size_t)(walk->user.end - walk->user.at);

        if (len + 1 + uid_len >= NSUTIL_CONTAINER_ID_SIZE)
                return false;
        id[len] = '@';
        if (uid_len > 0)
                memcpy(id + len + 1, walk->user.at, uid_len);
        id[len + 1 + uid_len] = '\0';
        return true;
}

static bool take_container(struct walk *walk, struct nsutil_text segment, struct nsutil_text parent)
{
        char id[NSUTIL_CONTAINER_ID_SIZE];

        if (walk->of_service && !walk->of_user && !may_be_below_a_service(segment))
                return false;
        if (!take_hex_id(segment, parent, id) && !take_lxc_id(segment, parent, id))
                return false;
        if (walk->of_user && !add_user(walk, id))
                return false;
        memcpy(walk->place->container_id, id, sizeof(id));
        return true;
}

/* Takes the same segment off the reader's path; false where they part. */
static bool take_if_shared(struct nsutil_text *own, struct nsutil_text segment)
{
        struct nsutil_text other;
        size_t len = (size_t)(segment.end - segment.at);

        return nsutil_text_part(own, '/', &other) && (size_t)(other.end - other.at) == len &&
               memcmp(other.at, segment.at, len) == 0;
}

/*
 * The first container where the paths have parted, else the last one before. Returns where its segment ends; NULL: none
 * was found.
 */
static const char *walk_path(struct nsutil_text path, struct nsutil_text own, struct nsutil_place *place)
{
        struct walk walk = { .place = place };
        struct nsutil_text segment, parent = { path.at, path.at };
        const char *end = NULL;
        bool shared = true;

        nsutil_text_suffix(&path, " (deleted)");
        if (!nsutil_text_prefix(&path, "/"))
                return NULL;
        nsutil_text_prefix(&own, "/");
        while (nsutil_text_part(&path, '/', &segment)) {
                char uid[NSUTIL_POD_UID_SIZE];

                shared = shared && take_if_shared(&own, segment);
                walk.of_user |= is_of_user(segment, &walk.user);
                walk.of_service |= is_of_service(segment);
                if (!walk.of_user && !walk.of_service && take_pod_uid(segment, uid))
                        memcpy(place->pod_uid, uid, sizeof(uid));
                if (take_container(&walk, segment, parent)) {
                        end = segment.end;
                        if (!shared)
                                break;
                }
                parent = segment;
        }
        return end;
}

/* ---- the text -------------------------------------------------------------------- */

/* Splits a line; false: it is none of the kernel's. */
static bool split_line(struct nsutil_text line, struct nsutil_text *ret_hierarchy, struct nsutil_text *ret_path)
{
        struct nsutil_text skipped;
        const char *begin = line.at;

        if (!nsutil_text_until(&line, ':', &skipped) || !nsutil_text_until(&line, ':', &skipped))
                return false;
        *ret_hierarchy = (struct nsutil_text){ begin, line.at };
        *ret_path = line;
        return true;
}

/* Another process's path in the same hierarchy; empty: not known. */
static struct nsutil_text path_in(struct nsutil_text text, struct nsutil_text hierarchy)
{
        struct nsutil_text line, name, path;
        size_t len = (size_t)(hierarchy.end - hierarchy.at);

        while (nsutil_text_line(&text, &line))
                if (split_line(line, &name, &path) && (size_t)(name.end - name.at) == len &&
                    memcmp(name.at, hierarchy.at, len) == 0)
                        return path;
        return (struct nsutil_text){ text.end, text.end };
}

void nsutil_cgroup_place(const char *text, size_t len, const char *own, size_t own_len, struct nsutil_place *ret)
{
        struct nsutil_text rest = { text, text + len }, line, hierarchy, path;
        struct nsutil_place users = { 0 };

        *ret = (struct nsutil_place){ 0 };
        while (nsutil_text_line(&rest, &line)) {
                struct nsutil_place place = { 0 };

                if (!split_line(line, &hierarchy, &path))
                        continue;
                walk_path(path, path_in((struct nsutil_text){ own, own + own_len }, hierarchy), &place);
                /* What users call a container counts where no hierarchy knows another. */
                if (strchr(place.container_id, '@')) {
                        users = users.container_id[0] ? users : place;
                        continue;
                }
                if (!ret->container_id[0])
                        memcpy(ret->container_id, place.container_id, sizeof(ret->container_id));
                if (!ret->pod_uid[0])
                        memcpy(ret->pod_uid, place.pod_uid, sizeof(ret->pod_uid));
        }
        if (!ret->container_id[0])
                memcpy(ret->container_id, users.container_id, sizeof(ret->container_id));
}

static bool is_at_or_below(struct nsutil_text path, struct nsutil_text above)
{
        size_t len = (size_t)(above.end - above.at);

        nsutil_text_suffix(&path, " (deleted)");
        return (size_t)(path.end - path.at) >= len && memcmp(path.at, above.at, len) == 0 &&
               (path.at + len == path.end || path.at[len] == '/');
}

bool nsutil_cgroup_agrees(const char *text, size_t len, const char *of_first, size_t of_first_len, const char *own,
                          size_t own_len, const char *id)
{
        struct nsutil_text rest = { text, text + len }, line, hierarchy, path;
        const struct nsutil_text first = { of_first, of_first + of_first_len }, ours = { own, own + own_len };

        while (nsutil_text_line(&rest, &line)) {
                struct nsutil_place place = { 0 };

                if (!split_line(line, &hierarchy, &path))
                        continue;
                const char *end = walk_path(path, path_in(ours, hierarchy), &place);
                if (end && strcmp(place.container_id, id) == 0 &&
                    is_at_or_below(path_in(first, hierarchy), (struct nsutil_text){ path.at, end }))
                        return true;
        }
        return false;
}

bool nsutil_cgroup_is_hidden(const char *text, size_t len)
{
        struct nsutil_text rest = { text, text + len }, line;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_text_is(line, "0::/"))
                        return true;
        return false;
}
