/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From attributes to labels. profile_workload() says how a pod's owner is known.
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
        OWNERS, /* from here on: those of profile_owners */
        ATTRIBUTES = OWNERS + PROFILE_OWNERS,
};

static const char *const attribute_names[OWNERS] = {
        [NAMESPACE] = "k8s.namespace.name",
        [POD] = "k8s.pod.name",
        [POD_HASH] = PROFILE_POD_HASH_ATTRIBUTE,
        [K8S_CONTAINER] = "k8s.container.name",
        [CONTAINER_NAME] = "container.name",
        [CONTAINER_ID] = "container.id",
        [IMAGE] = "container.image.name",
        [NODE] = "k8s.node.name",
        [HOST] = "host.name",
        [SERVICE] = "service.name",
        [VERSION] = "service.version",
        [PROCESS] = "process.executable.name",
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

static const char *name_of(unsigned attribute)
{
        return attribute < OWNERS ? attribute_names[attribute] : profile_owners[attribute - OWNERS].attribute;
}

static int take_attribute(void *ctx, const char *key, const char *value)
{
        struct reading_labels *reading = ctx;

        for (unsigned i = 0; i < ATTRIBUTES; i++) {
                if (strcmp(name_of(i), key) != 0)
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

/* Makes the owner's name. NULL if memory ran out. */
static char *make_workload(const struct reading_labels *reading)
{
        const char *owners[PROFILE_OWNERS];

        for (unsigned i = 0; i < PROFILE_OWNERS; i++)
                owners[i] = reading->values[OWNERS + i];
        return profile_workload(owners, reading->values[POD], reading->values[POD_HASH]);
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
