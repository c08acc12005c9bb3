/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/labels.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(collect_labels);

/* Each row: attributes, and what one label is. */
Test(collect_labels, are_what_attributes_tell)
{
        static const struct {
                const char *attributes;
                enum label label;
                const char *value;
        } rows[] = {
                { "{}", LABEL_WORKLOAD, "" },
                { "{}", LABEL_CONTAINER, "" },
                { "not json", LABEL_SERVICE, "" },
                { "[1]", LABEL_SERVICE, "" },
                { "{\"service.name\":7}", LABEL_SERVICE, "" },
                { "{\"service.name\":\"a\\nb\"}", LABEL_SERVICE, "a\\x0ab" },
                { "{\"service.version\":\"1.2\"}", LABEL_VERSION, "1.2" },
                { "{\"process.runtime.version\":\"3.11\"}", LABEL_VERSION, "" },
                { "{\"host.name\":\"h\"}", LABEL_NODE, "h" },
                { "{\"host.name\":\"h\",\"k8s.node.name\":\"n\"}", LABEL_NODE, "n" },
                { "{\"k8s.deployment.name\":\"shop\"}", LABEL_WORKLOAD, "Deployment/shop" },
                { "{\"k8s.job.name\":\"nightly-1\",\"k8s.cronjob.name\":\"nightly\"}", LABEL_WORKLOAD,
                  "CronJob/nightly" },
                { "{\"k8s.pod.name\":\"shop-7d9f-x2x1p\"}", LABEL_WORKLOAD, "" },
                { "{\"k8s.pod.name\":\"shop-7d9f-x2x1p\",\"k8s.pod.label.pod-template-hash\":\"7d9f\"}", LABEL_WORKLOAD,
                  "Deployment/shop" },
                { "{\"k8s.pod.name\":\"shop-7d9f-x2x1p\",\"k8s.pod.label.pod-template-hash\":\"d9f\"}", LABEL_WORKLOAD,
                  "" },
                { "{\"k8s.pod.name\":\"-7d9f-x\",\"k8s.pod.label.pod-template-hash\":\"7d9f\"}", LABEL_WORKLOAD, "" },
                { "{\"k8s.pod.name\":\"7d9f-x\",\"k8s.pod.label.pod-template-hash\":\"7d9f\"}", LABEL_WORKLOAD, "" },
                { "{\"k8s.pod.name\":\"p\",\"k8s.namespace.name\":\"n\",\"k8s.container.name\":\"c\"}", LABEL_CONTAINER,
                  "n/p/c" },
                { "{\"k8s.pod.name\":\"p\",\"k8s.namespace.name\":\"n\",\"k8s.container.name\":\"c\","
                  "\"k8s.statefulset.name\":\"s\"}",
                  LABEL_CONTAINER, "n/StatefulSet/s/c" },
                { "{\"container.name\":\"web\",\"container.id\":\"0123456789abcdef\"}", LABEL_CONTAINER, "web" },
                { "{\"container.id\":\"0123456789abcdef\"}", LABEL_CONTAINER, "0123456789ab" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct labels labels;

                cr_assert_eq(collect_labels_read(rows[i].attributes, &labels), 0);
                cr_expect_str_eq(labels.values[rows[i].label], rows[i].value, "row %zu: %s", i,
                                 labels.values[rows[i].label]);
                collect_labels_deinit(&labels);
        }
}

Test(collect_labels, names_are_found_again)
{
        enum label label;

        for (unsigned i = 0; i < LABELS; i++) {
                cr_assert(collect_label_parse(collect_label_name((enum label)i), &label));
                cr_assert_eq(label, i);
        }
        cr_assert_not(collect_label_parse("", &label));
        cr_assert_not(collect_label_parse("thread", &label));
}
