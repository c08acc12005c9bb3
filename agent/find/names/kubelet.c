/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and labels from the kubelet. GET /pods gives a PodList of the pods of this node (core/v1). The status of a pod
 * has the ids of its containers, as "containerd://64 digits". It needs a service account that may get nodes/pods, or
 * nodes/proxy up to Kubernetes 1.32: that one may also run commands in every container of the node.
 */
#include "agent/find/internal.h"

#include <string.h>

/* The kinds of containers of a pod: members of its status. */
static const char *const statuses[] = { "containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses" };

/* What may be a pod's controller: the kind of an owner reference. */
static const char *const kinds[FIND_WORKLOADS] = {
        [FIND_REPLICA_SET] = "ReplicaSet",
        [FIND_STATEFUL_SET] = "StatefulSet",
        [FIND_DAEMON_SET] = "DaemonSet",
        [FIND_JOB] = "Job",
};

/*
 * A Deployment's ReplicaSet is called NAME-HASH. The pods have that hash as a label, which the Deployment's controller
 * sets. A ReplicaSet that somebody else has made has none.
 */
static bool set_deployment(struct find_names *names, const char *name, size_t len, struct json_object *labels)
{
        size_t hash_len;
        const char *hash = find_json_text(find_json_get(labels, "pod-template-hash"), &hash_len);

        if (!hash || hash_len == 0 || len < hash_len + 2 || name[len - hash_len - 1] != '-' ||
            memcmp(name + len - hash_len, hash, hash_len) != 0)
                return false;
        names->workload_kind = FIND_DEPLOYMENT;
        find_clean(name, len - hash_len - 1, names->workload, sizeof(names->workload));
        return true;
}

static void set_workload(struct find_names *names, struct json_object *owner, struct json_object *labels)
{
        size_t len, kind_len;
        const char *name = find_json_text(find_json_get(owner, "name"), &len);
        const char *kind = find_json_text(find_json_get(owner, "kind"), &kind_len);

        for (size_t i = 0; name && len > 0 && kind && i < FIND_WORKLOADS; i++) {
                if (!kinds[i] || strcmp(kinds[i], kind) != 0)
                        continue;
                if (i == FIND_REPLICA_SET && set_deployment(names, name, len, labels))
                        return;
                names->workload_kind = (enum find_workload)i;
                find_clean(name, len, names->workload, sizeof(names->workload));
        }
}

/* A pod may have several owners. One of them at most is its controller, which made it. */
static void set_controller(struct find_names *names, struct json_object *metadata)
{
        struct json_object *owners = find_json_get(metadata, "ownerReferences"), *owner;

        for (size_t i = 0; (owner = find_json_at(owners, i)); i++) {
                if (find_json_true(find_json_get(owner, "controller"))) {
                        set_workload(names, owner, find_json_get(metadata, "labels"));
                        return;
                }
        }
}

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
        set_controller(&names, metadata);
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

        if (!known)
                return;
        find_names_merge(names, known);
        find_names_merge_labels(names, known);
}
