/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of /proc/PID/mountinfo to a container's id, for targets whose cgroup path is hidden.
 *
 * Docker and podman bind-mount files of the container's own directory into it:
 *   … /var/lib/docker/containers/ID/hosts /etc/hosts …
 *   … /var/lib/containers/storage/overlay-containers/ID/userdata/hosts /etc/hosts …
 * (fields 4 and 5: the root of the mount within its file system, and the mount point).
 *
 * In a Kubernetes pod those files belong to the pod's sandbox, which is another container. No id is better than a wrong
 * one. The kubelet provides /etc/hosts in a pod, as …/pods/UID/etc-hosts, and so a pod is recognised.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

/* What precedes a container's id: Docker's folder, and those of podman's storage drivers. */
static bool precedes_id(struct nsutil_text segment)
{
        static const char *const folders[] = { "containers", "overlay-containers", "vfs-containers", "btrfs-containers",
                                               "zfs-containers" };

        for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
                if (nsutil_text_is(segment, folders[i]))
                        return true;
        return false;
}

/* Finds the segment behind one of those folders in @path. False if it is not an id. */
static bool take_id_from_path(struct nsutil_text path, struct nsutil_text *ret)
{
        struct nsutil_text segment;
        bool expected = false;

        while (nsutil_text_until(&path, '/', &segment)) {
                if (expected && nsutil_text_is_long_id(segment)) {
                        *ret = segment;
                        return true;
                }
                expected = precedes_id(segment);
        }
        return false;
}

bool nsutil_mountinfo_line(struct nsutil_text line, struct nsutil_text *ret_root, struct nsutil_text *ret_point)
{
        struct nsutil_text skipped;

        for (int i = 0; i < 3; i++) /* mount id, parent id, device */
                if (!nsutil_text_until(&line, ' ', &skipped))
                        return false;
        return nsutil_text_until(&line, ' ', ret_root) && nsutil_text_until(&line, ' ', ret_point);
}

int nsutil_mountinfo_container_id(const char *text, size_t len, char *ret)
{
        struct nsutil_text rest = { text, text + len }, line, root, point, id;
        bool found = false;

        while (nsutil_text_line(&rest, &line)) {
                if (!nsutil_mountinfo_line(line, &root, &point))
                        continue;
                if (nsutil_text_is(point, "/etc/hosts") && nsutil_text_suffix(&root, "/etc-hosts"))
                        return NSUTIL_E_NOT_FOUND;
                if (!found && (nsutil_text_prefix(&point, "/etc/") || nsutil_text_prefix(&point, "/run/")))
                        found = take_id_from_path(root, &id);
        }
        return found && nsutil_copy_id(id, ret) ? 0 : NSUTIL_E_NOT_FOUND;
}
