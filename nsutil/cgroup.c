/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of /proc/PID/cgroup to the container and the pod of a process.
 *
 * A line is "HIERARCHY:CONTROLLERS:PATH". cgroup v1 has several lines. The path is relative to the reader's cgroup
 * namespace. Anything may follow below the container (systemd inside it, a "container" leaf), so that the path's
 * segments are read one by one, from the root to the leaf. Only a whole segment counts, and only with a prefix that a
 * runtime is known to put before a container's id: pods, slices and conmon, the monitor of podman and CRI-O, carry ids
 * as well.
 *
 * The owner of a cgroup can give any name to the cgroups below it:
 *   - A container can, so the outermost container counts. If the reader is inside of a container as well, or if the
 *     first process that it sees is (a node of kind), the search goes on where the paths part.
 *   - A user can, below user.slice (systemd). A container there has the user's number behind its id, so that it is
 *     never mistaken for one of root's runtimes.
 *   - A service can if systemd gives its cgroup to it (Delegate=). Below one there are no containers, except below
 *     runtimes and podman's --cgroups=split.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <string.h>

#define LONG_ID 64
#define TASK_ID 32
#define STATIC_POD_UID 32

/* systemd's driver writes PREFIX-ID.scope, cgroupfs writes ID or PREFIX-ID; with a colon it is SLICE:PREFIX:ID. */
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

/* On Fargate ECS names a task's container "TASK-NUMBER". */
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
        /* Below libpod_parent a bare id is a pod's. podman's containers have their prefix. */
        if (nsutil_text_is_long_id(segment))
                return !nsutil_text_is(parent, "libpod_parent") && nsutil_copy_id(segment, ret);
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
                struct nsutil_text id = segment;

                if (nsutil_text_prefix(&id, prefixes[i]) && nsutil_text_is_long_id(id))
                        return nsutil_copy_id(id, ret);
        }
        return false;
}

/* Copies a UUID, which has five groups. Slices have '_' between the groups, since '-' means a parent there. */
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

/* Takes the UID out of "podUID" or "kubepods-QOS-podUID.slice", to which cgroup v1 may append ":cri-containerd:ID". */
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

/* ---- the owner of a part of the tree ----------------------------------------- */

static bool has_word(struct nsutil_text text, const char *word)
{
        return text.at < text.end && memmem(text.at, (size_t)(text.end - text.at), word, strlen(word));
}

/*
 * Whether a segment is a user's: "user-1000.slice", "user@1000.service". @ret is the user's number, or empty if it is
 * not a number.
 */
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

/* Services that are container runtimes, or run one. */
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
        struct nsutil_text user; /* the user's number; empty: not known */
        bool of_user, of_service;
};

/* Makes "ID@UID" of @id. No id of root's runtimes looks like that. */
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

/* Finds the first container behind @shared, or else the last one before it, as walk_path() does. */
static const char *walk_segments(struct nsutil_text path, const char *shared, struct walk *walk)
{
        struct nsutil_text segment, parent = { path.at, path.at };
        const char *end = NULL;

        while (nsutil_text_part(&path, '/', &segment)) {
                char uid[NSUTIL_POD_UID_SIZE];

                walk->of_user |= is_of_user(segment, &walk->user);
                walk->of_service |= is_of_service(segment);
                if (!walk->of_user && !walk->of_service && take_pod_uid(segment, uid))
                        memcpy(walk->place->pod_uid, uid, sizeof(uid));
                if (take_container(walk, segment, parent)) {
                        end = segment.end;
                        if (end > shared)
                                break;
                        /* In here this container is the machine, whoever owns it. */
                        walk->of_user = walk->of_service = false;
                }
                parent = segment;
        }
        return end;
}

/* ---- the text -------------------------------------------------------------------- */

/* Splits a line; false if the kernel does not write such lines. */
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

/* Takes the next path in @hierarchy from @text, the text of another process; false if there is none. */
static bool take_path_in(struct nsutil_text *text, struct nsutil_text hierarchy, struct nsutil_text *ret)
{
        struct nsutil_text line, name;
        size_t len = (size_t)(hierarchy.end - hierarchy.at);

        while (nsutil_text_line(text, &line))
                if (split_line(line, &name, ret) && (size_t)(name.end - name.at) == len &&
                    memcmp(name.at, hierarchy.at, len) == 0)
                        return true;
        return false;
}

/* Where @path parts from @own, at the end of a segment. */
static const char *end_of_shared(struct nsutil_text path, struct nsutil_text own)
{
        struct nsutil_text segment, other;
        const char *end = path.at;

        while (nsutil_text_part(&path, '/', &segment) && nsutil_text_part(&own, '/', &other)) {
                size_t len = (size_t)(segment.end - segment.at);

                if ((size_t)(other.end - other.at) != len || memcmp(other.at, segment.at, len) != 0)
                        break;
                end = segment.end;
        }
        return end;
}

/*
 * Finds the first container behind the point where @path and the last of @own's paths in @hierarchy part, or else the
 * last one before it. Returns where its segment ends; NULL if there is none.
 */
static const char *walk_path(struct nsutil_text path, struct nsutil_text own, struct nsutil_text hierarchy,
                             struct nsutil_place *place)
{
        struct walk walk = { .place = place };
        struct nsutil_text one;
        const char *shared = path.at;

        nsutil_text_suffix(&path, " (deleted)");
        if (!nsutil_text_prefix(&path, "/"))
                return NULL;
        while (take_path_in(&own, hierarchy, &one)) {
                const char *end = nsutil_text_prefix(&one, "/") ? end_of_shared(path, one) : path.at;

                shared = end > shared ? end : shared;
        }
        return walk_segments(path, shared, &walk);
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
                walk_path(path, (struct nsutil_text){ own, own + own_len }, hierarchy, &place);
                /* A user's container counts only if no hierarchy names another one. */
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
        struct nsutil_text rest = { text, text + len }, line, hierarchy, path, of_it;
        const struct nsutil_text ours = { own, own + own_len };

        while (nsutil_text_line(&rest, &line)) {
                struct nsutil_text first = { of_first, of_first + of_first_len };
                struct nsutil_place place = { 0 };

                if (!split_line(line, &hierarchy, &path))
                        continue;
                const char *end = walk_path(path, ours, hierarchy, &place);
                if (end && strcmp(place.container_id, id) == 0 && take_path_in(&first, hierarchy, &of_it) &&
                    is_at_or_below(of_it, (struct nsutil_text){ path.at, end }))
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
