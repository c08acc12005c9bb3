/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process is in the container that its cgroup is called like. Whoever may make cgroups gives them any name.
 * Runtimes note the PID of a container's first process: the cgroup which that one is in is the container's, and one of
 * the same name elsewhere is not.
 *
 * Nothing is known, and the name is believed, where no runtime has noted a PID (a container that is being made), where
 * that process has ended or is in no container of that id (a note that is out of date), and where the PIDs are not
 * those that we see: in a PID namespace of our own.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* runc's state and Docker's config have tens of kilobytes, the environment included. */
#define NOTE_MAX ((size_t)1 << 20)

#define RUN offsetof(struct find_roots, run)
#define DOCKER offsetof(struct find_roots, docker)

/* The smallest come first. runc's and crun's own notes are for containers that nothing above these has made. */
static const struct note {
        size_t root;
        const char *before, *after;
        const char *keys[2]; /* the members of JSON that lead to the number; none: the number is all there is */
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

/* 0: it has noted none. */
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
