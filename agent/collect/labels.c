/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From attributes to labels. A pod's owner is known if an attribute names it. A pod's name is never taken apart on its
 * own: "shop-7d9f-x2x1p" may be a pod of a Deployment, and may be one that somebody has named so. Only if an attribute
 * tells the hash of the Deployment's template does that part of the name mean the Deployment.
 */
#include "agent/collect/labels.h"
#include "agent/base/base.h"
#include "agent/collect/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const label_names[LABELS] = {
        [LABEL_NAMESPACE] = "namespace", [LABEL_WORKLOAD] = "workload", [LABEL_POD] = "pod",
        [LABEL_CONTAINER] = "container", [LABEL_IMAGE] = "image",       [LABEL_NODE] = "node",
        [LABEL_SERVICE] = "service",     [LABEL_VERSION] = "version",   [LABEL_PROCESS] = "process",
};

/* The attributes that labels are made of. */
enum attribute {
        NAMESPACE,
        POD,
        POD_HASH,
        K8S_CONTAINER,
        CONTAINER_NAME,
        CONTAINER_ID,
        IMAGE,
        NODE,
        HOST,
        SERVICE,
        VERSION,
        PROCESS,
        DEPLOYMENT, /* from here on: owners, the outermost first */
        STATEFUL_SET,
        DAEMON_SET,
        CRON_JOB,
        JOB,
        REPLICA_SET,
        ATTRIBUTES,
};

static const char *const attribute_names[ATTRIBUTES] = {
        [NAMESPACE] = "k8s.namespace.name",
        [POD] = "k8s.pod.name",
        [POD_HASH] = "k8s.pod.label.pod-template-hash",
        [K8S_CONTAINER] = "k8s.container.name",
        [CONTAINER_NAME] = "container.name",
        [CONTAINER_ID] = "container.id",
        [IMAGE] = "container.image.name",
        [NODE] = "k8s.node.name",
        [HOST] = "host.name",
        [SERVICE] = "service.name",
        [VERSION] = "service.version",
        [PROCESS] = "process.executable.name",
        [DEPLOYMENT] = "k8s.deployment.name",
        [STATEFUL_SET] = "k8s.statefulset.name",
        [DAEMON_SET] = "k8s.daemonset.name",
        [CRON_JOB] = "k8s.cronjob.name",
        [JOB] = "k8s.job.name",
        [REPLICA_SET] = "k8s.replicaset.name",
};

static const char *const owner_kinds[ATTRIBUTES] = {
        [DEPLOYMENT] = "Deployment",
        [STATEFUL_SET] = "StatefulSet",
        [DAEMON_SET] = "DaemonSet",
        [CRON_JOB] = "CronJob",
        [JOB] = "Job",
        [REPLICA_SET] = "ReplicaSet",
};

const char *collect_label_name(enum label label)
{
        return label_names[label];
}

bool collect_label_parse(const char *name, enum label *ret)
{
        for (unsigned label = 0; label < LABELS; label++) {
                if (strcmp(label_names[label], name) == 0) {
                        *ret = (enum label)label;
                        return true;
                }
        }
        return false;
}

struct reading_labels {
        char *values[ATTRIBUTES]; /* clean text; NULL: none */
};

static int take_attribute(void *ctx, const char *key, const char *value)
{
        struct reading_labels *reading = ctx;

        for (unsigned i = 0; i < ATTRIBUTES; i++) {
                if (strcmp(attribute_names[i], key) != 0)
                        continue;
                free(reading->values[i]);
                reading->values[i] = escape_clean(value);
                return reading->values[i] ? 0 : -ENOMEM;
        }
        return 0;
}

static const char *value_of(const struct reading_labels *reading, enum attribute attribute)
{
        return reading->values[attribute] ? reading->values[attribute] : "";
}

/* The name of a pod's Deployment: what stands before the template's hash. 0 if the name is not made that way. */
static size_t length_of_deployment(const char *pod, const char *hash)
{
        const char *last = strrchr(pod, '-');
        size_t len = last ? (size_t)(last - pod) : 0, hash_len = strlen(hash);

        if (hash_len == 0 || len < hash_len + 2 || pod[len - hash_len - 1] != '-' ||
            strncmp(pod + len - hash_len, hash, hash_len) != 0)
                return 0;
        return len - hash_len - 1;
}

/* Makes the owner's name. NULL if memory ran out. */
static char *make_workload(const struct reading_labels *reading)
{
        const char *pod = value_of(reading, POD);
        size_t len = length_of_deployment(pod, value_of(reading, POD_HASH));
        char *workload;

        for (unsigned i = DEPLOYMENT; i < ATTRIBUTES; i++) {
                const char *name = value_of(reading, (enum attribute)i);

                if (*name)
                        return asprintf(&workload, "%s/%s", owner_kinds[i], name) < 0 ? NULL : workload;
        }
        if (len > 0)
                return asprintf(&workload, "Deployment/%.*s", (int)len, pod) < 0 ? NULL : workload;
        return strdup("");
}

/* Makes the container's name, which is the same for all its instances. NULL if memory ran out. */
static char *make_container(const struct reading_labels *reading, const char *workload)
{
        const char *pod = value_of(reading, POD), *name = value_of(reading, CONTAINER_NAME);
        const char *in_pod = value_of(reading, K8S_CONTAINER), *owner = *workload ? workload : pod;
        char *container;

        if (*in_pod)
                name = in_pod;
        if (!*name)
                return strndup(value_of(reading, CONTAINER_ID), 12);
        if (!*owner)
                return strdup(name);
        return asprintf(&container, "%s/%s/%s", value_of(reading, NAMESPACE), owner, name) < 0 ? NULL : container;
}

static int make_labels(const struct reading_labels *reading, struct labels *ret)
{
        const char *node = value_of(reading, NODE);
        struct labels labels = {
                .values = {
                        [LABEL_NAMESPACE] = strdup(value_of(reading, NAMESPACE)),
                        [LABEL_WORKLOAD] = make_workload(reading),
                        [LABEL_POD] = strdup(value_of(reading, POD)),
                        [LABEL_IMAGE] = strdup(value_of(reading, IMAGE)),
                        [LABEL_NODE] = strdup(*node ? node : value_of(reading, HOST)),
                        [LABEL_SERVICE] = strdup(value_of(reading, SERVICE)),
                        [LABEL_VERSION] = strdup(value_of(reading, VERSION)),
                        [LABEL_PROCESS] = strdup(value_of(reading, PROCESS)),
                },
                .instance = strdup(value_of(reading, CONTAINER_ID)),
        };
        bool made = labels.instance != NULL;

        if (labels.values[LABEL_WORKLOAD])
                labels.values[LABEL_CONTAINER] = make_container(reading, labels.values[LABEL_WORKLOAD]);
        for (unsigned label = 0; label < LABELS; label++)
                made = made && labels.values[label];
        if (!made) {
                collect_labels_deinit(&labels);
                return -ENOMEM;
        }
        *ret = labels;
        return 0;
}

int collect_labels_read(const char *attributes, struct labels *ret)
{
        struct reading_labels reading = { 0 };
        int r = collect_json_each(attributes, take_attribute, &reading);

        if (r == 0)
                r = make_labels(&reading, ret);
        for (unsigned i = 0; i < ATTRIBUTES; i++)
                free(reading.values[i]);
        return r;
}

void collect_labels_deinit(struct labels *labels)
{
        for (unsigned label = 0; label < LABELS; label++)
                free(labels->values[label]);
        free(labels->instance);
        *labels = (struct labels){ 0 };
}
