/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's owner is known if an attribute names it. A pod's name is never taken apart on its own: "shop-7d9f-x2x1p" may
 * be a pod of a Deployment, and may be one that somebody has named so. Only if an attribute tells the hash of the
 * Deployment's template does that part of the name mean the Deployment.
 */
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct profile_owner profile_owners[PROFILE_OWNERS] = {
        { "k8s.deployment.name", "Deployment" },
        { "k8s.statefulset.name", "StatefulSet" },
        { "k8s.daemonset.name", "DaemonSet" },
        { "k8s.cronjob.name", "CronJob" },
        { "k8s.job.name", "Job" },
        { "k8s.replicaset.name", "ReplicaSet" },
};

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

char *profile_workload(const char *const owners[static PROFILE_OWNERS], const char *pod, const char *hash)
{
        size_t len = pod && hash ? length_of_deployment(pod, hash) : 0;
        char *workload;

        for (size_t i = 0; i < PROFILE_OWNERS; i++) {
                if (owners[i] && *owners[i])
                        return asprintf(&workload, "%s/%s", profile_owners[i].kind, owners[i]) < 0 ? NULL : workload;
        }
        if (len > 0)
                return asprintf(&workload, "Deployment/%.*s", (int)len, pod) < 0 ? NULL : workload;
        return strdup("");
}
