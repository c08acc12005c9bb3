/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process really is in the container that its cgroup is named after. The owner of a cgroup can give any name
 * to the cgroups below it. But runtimes note the PID of a container's first process. That process's cgroup is the
 * container's. Another cgroup of the same name is not.
 *
 * The name is believed without proof in three cases: no runtime has noted a PID (the container is being made); the
 * noted process has ended or is in no container of that id (the note is out of date); podflame is in a PID namespace of
 * its own, so that noted PIDs mean nothing here.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* runc's state and Docker's config have tens of kilobytes, with the environment. */
#define NOTE_MAX ((size_t)1 << 20)

#define RUN offsetof(struct find_roots, run)
#define DOCKER offsetof(struct find_roots, docker)

/* The smallest notes come first. runc's and crun's own notes serve for containers that no higher runtime has made. */
static const struct note {
        size_t root;
        const char *before, *after;
        const char *keys[2]; /* the JSON members that lead to the number; none: the file is the number alone */
} notes[] = {
        { RUN, "containerd/io.containerd.runtime.v2.task/k8s.io", "init.pid", { NULL } },
        { RUN, "containerd/io.containerd.runtime.v2.task/moby", "init.pid", { NULL } },
        { RUN, "containerd/io.containerd.runtime.v2.task/default", "init.pid", { NULL } },
        { RUN, "k3s/containerd/io.containerd.runtime.v2.task/k8s.io", "init.pid", { NULL } },
        { RUN, "docker/containerd/daemon/io.containerd.runtime.v2.task/moby", "init.pid", { NULL } },
        { RUN, "containers/storage/overlay-containers", "userdata/pidfile", { NULL } },
        { RUN, "containers/storage/vfs-containers", "userdata/pidfile", { NULL } },
        { RUN, "containers/storage/btrfs-containers", "userdata/pidfile", { NULL } },
        { RUN, "containers/storage/zfs-containers", "userdata/pidfile", { NULL } },
        { DOCKER, "containers", "config.v2.json", { "State", "Pid" } },
        { RUN, "crun", "status", { "pid" } },
        { RUN, "runc", "state.json", { "init_process_pid" } },
};

static long parse_json(const struct note *note, const char *text, size_t len)
{
        struct json_object *root = find_json_parse(text, len), *at = root;

        for (size_t i = 0; i < sizeof(note->keys) / sizeof(*note->keys) && note->keys[i]; i++)
                at = find_json_get(at, note->keys[i]);
        long pid = find_json_whole(at);
        find_json_free(root);
        return pid;
}

/* Reads a noted PID. 0 if the runtime has noted none. */
static pid_t read_note(const struct find_roots *roots, const struct note *note, const char *id)
{
        const char *root = *(char *const *)((const char *)roots + note->root);
        char path[PATH_MAX], *text;
        size_t len;

        if (snprintf(path, sizeof(path), "%s/%s/%s/%s", root, note->before, id, note->after) >= (int)sizeof(path) ||
            find_read_file(roots, path, NOTE_MAX, &text, &len))
                return 0;
        long pid = note->keys[0] ? parse_json(note, text, len) : strtol(text, NULL, 10);
        free(text);
        return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

static bool is_elsewhere(const struct find *find, pid_t pid, const char *id)
{
        bool agrees;

        for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
                pid_t first = read_note(&find->roots, &notes[i], id);

                if (first && nsutil_place_agrees(pid, first, id, &agrees) == 0)
                        return !agrees;
        }
        return false;
}

int find_place_of(const struct find *find, pid_t pid, struct nsutil_place *ret,
                  char ret_claimed[static NSUTIL_CONTAINER_ID_SIZE])
{
        int r = nsutil_place(pid, ret);

        ret_claimed[0] = '\0';
        if (r || !find->sees_host_pids || !find_is_long_id(ret->container_id) ||
            !is_elsewhere(find, pid, ret->container_id))
                return r;
        memcpy(ret_claimed, ret->container_id, sizeof(ret->container_id));
        *ret = (struct nsutil_place){ 0 };
        return NSUTIL_E_NOT_FOUND;
}
