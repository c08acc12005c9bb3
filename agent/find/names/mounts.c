/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from what the kubelet mounts into each container of a pod:
 *   … /var/lib/kubelet/pods/UID/containers/CONTAINER/HASH /dev/termination-log …
 *   … /var/lib/kubelet/pods/UID/etc-hosts /etc/hosts …
 * (fields 4 and 5 of /proc/PID/mountinfo). They show even if the cgroup's path is hidden. A process can add mounts in a
 * user namespace of its own, but the kubelet's mounts come before those. Hence the first one is believed, unless it
 * contradicts the cgroup.
 */
#include "agent/find/internal.h"

#include <stdlib.h>
#include <string.h>

/* As in nsutil: containers have some dozens of mounts of about 200 bytes, hosts of containers have thousands. */
#define MOUNTINFO_MAX ((size_t)2 << 20)

#define ROOT_FIELD 3

/* The root of a mount within its file system. @ret_len is 0 if there is none. */
static const char *root_of(const char *line, const char *end, size_t *ret_len)
{
        for (int i = 0; i < ROOT_FIELD; i++) {
                const char *space = memchr(line, ' ', (size_t)(end - line));

                if (!space)
                        return NULL;
                line = space + 1;
        }
        const char *space = memchr(line, ' ', (size_t)(end - line));
        if (!space)
                return NULL;
        *ret_len = (size_t)(space - line);
        return line;
}

/* Takes the segment up to the next slash, or all that is left if there is no slash. */
static const char *take_segment(const char **at, const char *end, size_t *ret_len)
{
        const char *segment = *at, *slash = memchr(segment, '/', (size_t)(end - segment));

        *ret_len = (size_t)((slash ? slash : end) - segment);
        *at = slash ? slash + 1 : end;
        return segment;
}

static bool is_segment(const char *segment, size_t len, const char *expected)
{
        return len == strlen(expected) && !memcmp(segment, expected, len);
}

static bool is_uid(const char *segment, size_t len)
{
        if (len != 32 && len != 36)
                return false;
        for (size_t i = 0; i < len; i++)
                if (!memchr("0123456789abcdef-", segment[i], 17))
                        return false;
        return true;
}

/* Whether a root has one of the two forms above. @ret_container_len is 0 for the second form. */
static bool parse_root(const char *at, const char *end, const char **ret_uid, size_t *ret_uid_len,
                       const char **ret_container, size_t *ret_container_len)
{
        static const char pods[] = "/pods/";
        const char *found = memmem(at, (size_t)(end - at), pods, sizeof(pods) - 1), *segment;
        size_t len;

        if (!found)
                return false;
        at = found + sizeof(pods) - 1;
        *ret_uid = take_segment(&at, end, ret_uid_len);
        if (!is_uid(*ret_uid, *ret_uid_len))
                return false;
        segment = take_segment(&at, end, &len);
        *ret_container_len = 0;
        if (is_segment(segment, len, "etc-hosts") && at == end)
                return true;
        *ret_container = take_segment(&at, end, ret_container_len);
        return is_segment(segment, len, "containers") && *ret_container_len > 0 && at < end;
}

void find_mount_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names)
{
        const char *end = text + len, *uid, *container = NULL, *newline;
        size_t root_len, uid_len, container_len;

        for (const char *line = text; line < end; line = newline + 1) {
                newline = memchr(line, '\n', (size_t)(end - line));
                if (!newline)
                        newline = end;
                const char *root = root_of(line, newline, &root_len);
                if (!root || !parse_root(root, root + root_len, &uid, &uid_len, &container, &container_len))
                        continue;
                const char *known = place->pod_uid[0] ? place->pod_uid : names->pod_uid;
                if (known[0] && !is_segment(uid, uid_len, known))
                        continue;
                find_names_set(names->pod_uid, sizeof(names->pod_uid), uid, uid_len);
                if (container_len > 0)
                        find_names_set(names->k8s_container, sizeof(names->k8s_container), container, container_len);
        }
}

void find_mount_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        char *text;
        size_t len;

        (void)find;
        if (place->pid == 0 || !(place->hidden || place->pod_uid[0]) || names->k8s_container[0])
                return;
        if (nsutil_read_proc(place->pid, "mountinfo", MOUNTINFO_MAX, &text, &len))
                return;
        find_mount_parse(text, len, place, names);
        free(text);
}
