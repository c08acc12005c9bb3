/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from Docker's files. Access to its socket would be root's power over the machine. Docker keeps each container's
 * settings in containers/ID/config.v2.json.
 *
 * Under Kubernetes its labels name the pod as well. But labels may also come from the maker of the image. They are
 * believed only if they name the pod that the kernel says the process is in. They are never taken for the pod's own
 * labels, which Docker does not know.
 */
#include "agent/find/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file has some kilobytes, and the container's environment, of up to 128 KiB for each variable. */
#define CONFIG_MAX ((size_t)1 << 20)

static void set_pod(struct json_object *labels, const struct find_place *place, struct find_names *names)
{
        size_t len;
        const char *uid = find_json_text(find_json_get(labels, "io.kubernetes.pod.uid"), &len);

        if (!uid || !place->pod_uid[0] || strcmp(uid, place->pod_uid))
                return;
        find_names_set_json(names->pod, sizeof(names->pod), find_json_get(labels, "io.kubernetes.pod.name"));
        find_names_set_json(names->pod_namespace, sizeof(names->pod_namespace),
                            find_json_get(labels, "io.kubernetes.pod.namespace"));
        find_names_set_json(names->k8s_container, sizeof(names->k8s_container),
                            find_json_get(labels, "io.kubernetes.container.name"));
}

void find_docker_parse(const char *text, size_t len, const struct find_place *place, struct find_names *names)
{
        struct json_object *root = find_json_parse(text, len), *config = find_json_get(root, "Config");
        size_t name_len;
        const char *name = find_json_text(find_json_get(root, "Name"), &name_len);

        /* Docker's names begin with a slash, which dates from the time of links between containers. */
        if (name)
                find_names_set(names->name, sizeof(names->name), name + (name[0] == '/'), name_len - (name[0] == '/'));
        find_names_set_json(names->image, sizeof(names->image), find_json_get(config, "Image"));
        set_pod(find_json_get(config, "Labels"), place, names);
        if (config && !place->pod_uid[0])
                find_names_set_labels(names, find_json_get(config, "Labels"));
        find_json_free(root);
}

void find_docker_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        char path[PATH_MAX], *text;
        size_t len;

        if (!find_is_long_id(place->id) ||
            snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", find->roots.docker, place->id) >=
                    (int)sizeof(path) ||
            find_read_file(&find->roots, path, CONFIG_MAX, &text, &len))
                return;
        find_docker_parse(text, len, place, names);
        free(text);
}
