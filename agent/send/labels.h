/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEND_LABELS_H
#define SEND_LABELS_H

/* The labels of a profile at Pyroscope and Parca. */

#include "agent/profile/profile.h"

#include <stdbool.h>
#include <stddef.h>

#define SEND_LABELS_MAX 26        /* of a series: Pyroscope takes 30, and adds some */
#define SEND_LABEL_NAME_MAX 128   /* bytes of a label's name; Pyroscope accepts 1024 */
#define SEND_LABEL_VALUE_MAX 2048 /* bytes of a label's value */

struct send_label {
        char *name, *value;
};

struct send_labels {
        struct send_label items[SEND_LABELS_MAX];
        size_t n;
};

/*
 * Makes the labels of @p: its type's name, podflame's own, and those of its other attributes that there is room for. Of
 * the attributes of an instance it makes labels only if @all_labels. 0 or -ENOMEM.
 */
int send_labels_make(const struct profile *p, bool all_labels, struct send_labels *ret);
void send_labels_deinit(struct send_labels *labels);

#endif
