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
 * Which of @p's attributes are said of its resource, by index. Pyroscope makes labels of a resource's attributes, and
 * refuses all of a request after a profile whose labels it does not take: a name with '-', two names that differ in '.'
 * and '_' only, more than 30 labels (pkg/validation/validate.go of 1.12). So a process could starve others by what it
 * says of itself. What is no label there, or an instance's unless @all_labels, is said of the profile. Of two attributes
 * that make one label, and of too many, the last ones are taken. What @labels has is said by the scope alone.
 */
void series_choose_resource(const struct profile *p, const struct series_labels *labels, bool all_labels,
                            bool ret[static PROFILE_ATTRIBUTES_MAX]);

/* Whether an attribute is podflame's own label @key, and known. Then nobody else can say it. */
bool series_is_label(const struct series_labels *labels, const char *key);

/*
 * Whether an attribute of @p's resource tells an instance: it has another value after each restart or each rollout of
 * what is the same to people. As a label it would make a series each time.
 */
bool series_is_instance(const struct profile *p, const char *key);

#endif
