/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include <errno.h>
#include <stdint.h>
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

static bool may_be_instance(const char *key)
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
        return may_be_instance(key);
}

/* ---- resources ----------------------------------------------------------- */

#define SERVICE "service.name"

/* Pyroscope takes 30 labels: of its own it adds six, and the scope has podflame's. */
#define RESOURCE_MAX (30 - 6 - SERIES_LABELS)

/* The longest label names that Pyroscope takes are of 1024 bytes. */
#define NAME_MAX_BYTES 1024

/* Whether two attributes, or @key and a label, have one name as labels. @n: of that many bytes. */
static bool is_same_label(const char *key, const char *name, size_t n)
{
        for (; n > 0 && (*key == *name || (*key == '.' && *name == '_') || (*key == '_' && *name == '.')); n--) {
                if (!*key)
                        return true;
                key++;
                name++;
        }
        return n == 0;
}

/* Whether Pyroscope adds such a label by itself (pkg/ingester/otlp/ingest_handler.go), or keeps the name for itself. */
static bool is_pyroscopes(const char *key)
{
        return is_same_label(key, "service_name", SIZE_MAX) || is_same_label(key, "pyroscope_spy", SIZE_MAX) ||
               is_same_label(key, "__", 2);
}

static bool is_label_name(const char *key)
{
        static const char taken[] = "_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        size_t len = strlen(key);

        return len > 0 && len <= NAME_MAX_BYTES && strspn(key, taken) == len && !(*key >= '0' && *key <= '9') &&
               !is_pyroscopes(key);
}

/* Whether one of the attributes that are chosen already, which come after @i, makes the same label. */
static bool is_chosen(const struct profile *p, const bool *chosen, size_t i)
{
        const char *key, *other, *value;

        profile_attribute_at(p, i, &key, &value);
        for (size_t j = i + 1; j < profile_attributes(p); j++) {
                profile_attribute_at(p, j, &other, &value);
                if (chosen[j] && is_same_label(key, other, SIZE_MAX))
                        return true;
        }
        return false;
}

bool series_is_label(const struct series_labels *labels, const char *key)
{
        for (size_t i = 0; i < SERIES_LABELS; i++) {
                if (labels->values[i] && strcmp(series_label_names[i], key) == 0)
                        return true;
        }
        return false;
}

void series_choose_resource(const struct profile *p, const struct series_labels *labels, bool all_labels,
                            bool ret[static PROFILE_ATTRIBUTES_MAX])
{
        size_t room = RESOURCE_MAX - 1;

        for (size_t i = profile_attributes(p); i-- > 0;) {
                const char *key, *value;

                profile_attribute_at(p, i, &key, &value);
                ret[i] = room > 0 && is_label_name(key) && (all_labels || !series_is_instance(p, key)) &&
                         !series_is_label(labels, key) && !is_chosen(p, ret, i);
                room -= ret[i];
                ret[i] |= strcmp(key, SERVICE) == 0; /* for it a place is kept */
        }
}
