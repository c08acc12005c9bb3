/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_LABELS_H
#define COLLECT_LABELS_H

/* By what people tell series apart. Every value is made of attributes that a sender gave; none is guessed. */

#include <stdbool.h>

enum label {
        LABEL_NAMESPACE,
        LABEL_WORKLOAD, /* "Deployment/shop", if an attribute tells the pod's owner */
        LABEL_POD,
        LABEL_CONTAINER, /* "namespace/owner/name", or "name" without Kubernetes: the same for all instances */
        LABEL_IMAGE,
        LABEL_NODE,
        LABEL_SERVICE,
        LABEL_VERSION, /* of the service */
        LABEL_PROCESS, /* the program */
        LABELS,
};

/* "namespace", "workload", … */
const char *collect_label_name(enum label label);
bool collect_label_parse(const char *name, enum label *ret);

/* Values are clean text (see escape.h). "": there is none. */
struct labels {
        char *values[LABELS];
        char *instance; /* the container's id; "": none */
};

/* Reads the labels of stored attributes, a JSON object. -ENOMEM. The caller deinitialises @ret after success. */
int collect_labels_read(const char *attributes, struct labels *ret);
void collect_labels_deinit(struct labels *labels); /* accepts {0} */

#endif
