/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and labels from the kubelet. GET /pods gives a PodList of the pods of this node (core/v1). The status of a pod
 * has the ids of its containers, as "containerd://64 digits". It needs a service account that may get nodes/proxy.
 */
#include "agent/find/internal.h"

#include <string.h>

/* The kinds of containers of a pod: members of its status. */
static const char *const statuses[] = { "containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses" };

static void parse_status(struct json_object *status, const struct find_names *pod, find_add_fn add, void *ctx)
{
        struct find_names names = *pod;
        size_t len;
        const char *id = find_json_text(find_json_get(status, "containerID"), &len);
        const char *scheme = id ? strstr(id, "://") : NULL;

        if (!scheme)
                return;
        find_names_set_json(names.k8s_container, sizeof(names.k8s_container), find_json_get(status, "name"));
        find_names_set_json(names.image, sizeof(names.image), find_json_get(status, "image"));
        add(ctx, scheme + strlen("://"), &names);
}

static void parse_pod(struct json_object *pod, find_add_fn add, void *ctx)
{
        struct json_object *metadata = find_json_get(pod, "metadata"), *status = find_json_get(pod, "status"), *one;
        struct find_names names = { 0 };

        find_names_set_json(names.pod, sizeof(names.pod), find_json_get(metadata, "name"));
        find_names_set_json(names.pod_namespace, sizeof(names.pod_namespace), find_json_get(metadata, "namespace"));
        find_names_set_json(names.pod_uid, sizeof(names.pod_uid), find_json_get(metadata, "uid"));
        find_names_set_labels(&names, find_json_get(metadata, "labels"));
        for (size_t kind = 0; kind < sizeof(statuses) / sizeof(*statuses); kind++)
                for (size_t i = 0; (one = find_json_at(find_json_get(status, statuses[kind]), i)); i++)
                        parse_status(one, &names, add, ctx);
}

void find_kubelet_parse(struct json_object *root, find_add_fn add, void *ctx)
{
        struct json_object *pod;

        for (size_t i = 0; (pod = find_json_at(find_json_get(root, "items"), i)); i++)
                parse_pod(pod, add, ctx);
}

const struct find_api_poll_kind find_kubelet = {
        .name = "the kubelet",
        .path = "/pods",
        .parse = find_kubelet_parse,
};

void find_kubelet_names(struct find *find, const struct find_place *place, struct find_names *names)
{
        struct find_api_poll *api = find->apis[FIND_KUBELET];
        const struct find_names *known = api ? find_api_poll_get(find, api, place->id) : NULL;

        if (known)
                find_names_merge(names, known);
}
