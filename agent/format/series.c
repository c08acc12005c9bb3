/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *series_name(enum profile_mode mode)
{
        static const char *const names[PROFILE_MODES] = {
                [PROFILE_MODE_CPU] = "process_cpu",
                [PROFILE_MODE_WALL] = "wall",
                [PROFILE_MODE_GIL] = "gil",
                [PROFILE_MODE_BLAME] = "gil_wait",
        };

        return names[mode];
}

/* ---- labels -------------------------------------------------------------- */

const char *const series_label_names[SERIES_LABELS] = {
        [SERIES_NAMESPACE] = "namespace", [SERIES_WORKLOAD] = "workload", [SERIES_POD] = "pod",
        [SERIES_CONTAINER] = "container", [SERIES_NODE] = "node",
};

/* The first of these attributes that is set gives the label. */
static const char *const attributes[SERIES_LABELS][2] = {
        [SERIES_NAMESPACE] = { "k8s.namespace.name" },
        [SERIES_POD] = { "k8s.pod.name" },
        [SERIES_CONTAINER] = { "k8s.container.name", "container.name" },
        [SERIES_NODE] = { "k8s.node.name", "host.name" },
};

static const char *get_first_attribute(const struct profile *p, const char *const keys[2])
{
        const char *value = keys[0] ? profile_attribute(p, keys[0]) : NULL;

        return value || !keys[1] ? value : profile_attribute(p, keys[1]);
}

static int get_workload(const struct profile *p, char **ret)
{
        const char *owners[PROFILE_OWNERS];

        for (size_t i = 0; i < PROFILE_OWNERS; i++)
                owners[i] = profile_attribute(p, profile_owners[i].attribute);
        *ret = profile_workload(owners, profile_attribute(p, "k8s.pod.name"),
                                profile_attribute(p, PROFILE_POD_HASH_ATTRIBUTE));
        return *ret ? 0 : -ENOMEM;
}

int series_labels_of(const struct profile *p, struct series_labels *ret)
{
        *ret = (struct series_labels){ 0 };
        for (size_t i = 0; i < SERIES_LABELS; i++)
                ret->values[i] = get_first_attribute(p, attributes[i]);
        if (get_workload(p, &ret->workload) < 0)
                return -ENOMEM;
        if (*ret->workload)
                ret->values[SERIES_WORKLOAD] = ret->workload;
        return 0;
}

void series_labels_deinit(struct series_labels *labels)
{
        free(labels->workload);
}

/* ---- instances ----------------------------------------------------------- */

/* Docker's name of a pod's container has the pod's UID and the number of restarts in it. */
#define CONTAINER_NAME "container.name"

/* Labels of pods are those that Kubernetes sets by itself. */
static const char *const instances[] = {
        "container.id",
        "container.image.name",
        CONTAINER_NAME,
        "k8s.pod.label.batch.kubernetes.io/controller-uid",
        "k8s.pod.label.controller-revision-hash",
        "k8s.pod.label.controller-uid",
        "k8s.pod.label.pod-template-generation",
        "k8s.pod.uid",
        "k8s.replicaset.name",
        "process.executable.name",
        "process.pid",
        "process.runtime.name",
        "process.runtime.version",
        PROFILE_POD_HASH_ATTRIBUTE,
};

bool series_may_be_instance(const char *key)
{
        for (size_t i = 0; i < sizeof(instances) / sizeof(instances[0]); i++) {
                if (strcmp(instances[i], key) == 0)
                        return true;
        }
        return false;
}

bool series_is_instance(const struct profile *p, const char *key)
{
        if (strcmp(key, CONTAINER_NAME) == 0)
                return profile_attribute(p, "k8s.container.name") != NULL;
        return series_may_be_instance(key);
}
