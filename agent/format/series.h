/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_SERIES_H
#define FORMAT_SERIES_H

/*
 * What a series is at a backend that keeps profiles by type and labels, as Pyroscope does. Each protocol says the same
 * by its own means. deploy/README.md has the table for people.
 */

#include "agent/profile/profile.h"

#include <stdbool.h>

/*
 * The name of the profiles of a mode: "process_cpu", "wall", "gil" or "gil_wait". What is counted is time in
 * nanoseconds, of the type summary_period_type().
 */
const char *series_name(enum profile_mode mode);

/* podflame's own labels, but the service, which each protocol names by itself. */
enum series_label {
        SERIES_NAMESPACE,
        SERIES_WORKLOAD,
        SERIES_POD,
        SERIES_CONTAINER,
        SERIES_NODE,
        SERIES_LABELS,
};
extern const char *const series_label_names[SERIES_LABELS]; /* "namespace", … */

struct series_labels {
        const char *values[SERIES_LABELS]; /* NULL: unknown. They belong to the profile, or to @workload */
        char *workload;
};
/* 0 or -ENOMEM. */
int series_labels_of(const struct profile *p, struct series_labels *ret);
void series_labels_deinit(struct series_labels *labels);

/*
 * Whether an attribute of @p's resource tells an instance: it has another value after each restart or each rollout of
 * what is the same to people. As a label it would make a series each time.
 */
bool series_is_instance(const struct profile *p, const char *key);

/* The same for any profile that is being read: a key that may be such an attribute. */
bool series_may_be_instance(const char *key);

#endif
