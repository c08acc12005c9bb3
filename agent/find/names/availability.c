/* SPDX-License-Identifier: Apache-2.0 */
/* Which sources of containers' names exist here and can be read. */
#include "agent/find/internal.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>

/* For each runtime a folder that exists only if that runtime keeps containers here. */
static const struct {
        const char *name;
        size_t root;
        const char *folder;
} places[] = {
        { "Docker", offsetof(struct find_roots, docker), "containers" },
        { "podman, CRI-O", offsetof(struct find_roots, podman), "overlay-containers" },
        { "podman with vfs", offsetof(struct find_roots, podman), "vfs-containers" },
        { "podman with btrfs", offsetof(struct find_roots, podman), "btrfs-containers" },
        { "podman with zfs", offsetof(struct find_roots, podman), "zfs-containers" },
        { "kubelet's logs", offsetof(struct find_roots, log), "pods" },
        { "containerd", offsetof(struct find_roots, run), "containerd/io.containerd.runtime.v2.task" },
        { "k3s", offsetof(struct find_roots, run), "k3s/containerd/io.containerd.runtime.v2.task" },
};

bool find_source(const struct find *find, size_t i, struct find_source *ret)
{
        if (i >= sizeof places / sizeof *places)
                return false;
        const char *root = *(char *const *)((const char *)&find->roots + places[i].root);
        struct find_source source = { .name = places[i].name };

        snprintf(source.path, sizeof source.path, "%s/%s", root, places[i].folder);
        errno = 0;
        DIR *dir = find_open_dir(&find->roots, source.path);
        if (!dir)
                source.error = errno ? -errno : -ENOENT;
        else
                closedir(dir);
        *ret = source;
        return true;
}
