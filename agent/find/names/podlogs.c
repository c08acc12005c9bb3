/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from the folders of pods' logs: /var/log/pods/NAMESPACE_POD_UID/CONTAINER/. The kubelet makes them before it
 * starts a pod's first container. The UID comes from the cgroup. The container is known only if the pod has just one.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A node runs some hundred pods. */
#define MAX_PODS 16384

/* Parses NAMESPACE_POD_UID, which must end with @uid. Neither name may have a '_'. */
static bool parse_folder_name(const char *dir, const char *uid, struct find_names *names)
{
        size_t len = strlen(dir), uid_len = strlen(uid);
        const char *separator = strchr(dir, '_');

        if (!separator || len <= uid_len + 1 || strcmp(dir + len - uid_len, uid) || dir[len - uid_len - 1] != '_')
                return false;
        const char *pod = separator + 1, *end = dir + len - uid_len - 1;
        if (pod >= end || memchr(pod, '_', (size_t)(end - pod)))
                return false;
        find_names_set(names->pod_namespace, sizeof(names->pod_namespace), dir, (size_t)(separator - dir));
        find_names_set(names->pod, sizeof(names->pod), pod, (size_t)(end - pod));
        return true;
}

static void set_only_container(const struct find_roots *roots, const char *path, struct find_names *names)
{
        char only[FIND_LABEL_SIZE] = "";
        DIR *dir = find_open_dir(roots, path);
        struct dirent *entry;
        unsigned n = 0;

        if (!dir)
                return;
        while (n < 2 && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                find_clean(entry->d_name, strlen(entry->d_name), only, sizeof(only));
                n++;
        }
        closedir(dir);
        if (n == 1)
                find_names_set(names->k8s_container, sizeof(names->k8s_container), only, strlen(only));
}

void find_pod_log_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        const char *uid = place->pod_uid[0] ? place->pod_uid : names->pod_uid;
        char path[PATH_MAX], pod_path[PATH_MAX];
        struct dirent *entry;

        if (!uid[0] || (names->pod[0] && names->k8s_container[0]) ||
            snprintf(path, sizeof(path), "%s/pods", find->roots.log) >= (int)sizeof(path))
                return;
        DIR *dir = find_open_dir(&find->roots, path);
        for (unsigned n = 0; dir && n < MAX_PODS && (entry = readdir(dir)); n++) {
                if (!parse_folder_name(entry->d_name, uid, names))
                        continue;
                if (snprintf(pod_path, sizeof(pod_path), "%s/%s", path, entry->d_name) < (int)sizeof(pod_path))
                        set_only_container(&find->roots, pod_path, names);
                break;
        }
        if (dir)
                closedir(dir);
}
