/* SPDX-License-Identifier: Apache-2.0 */
/* From the identity of a process to the attributes of its profile. */
#include "describe.h"

#include "grouping.h"

#include "agent/command/cli/explanations.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        SERVICE,
        CONTAINER_ID,
        CONTAINER_NAME,
        IMAGE,
        POD,
        NAMESPACE,
        K8S_CONTAINER,
        POD_UID,
        NODE,
        PROGRAM,
        RUNTIME,
        RUNTIME_VERSION,
        HOST,
        PID,
        KEYS,
};

static const char *const keys[KEYS] = {
        [SERVICE] = "service.name",
        [CONTAINER_ID] = "container.id",
        [CONTAINER_NAME] = "container.name",
        [IMAGE] = "container.image.name",
        [POD] = "k8s.pod.name",
        [NAMESPACE] = "k8s.namespace.name",
        [K8S_CONTAINER] = "k8s.container.name",
        [POD_UID] = "k8s.pod.uid",
        [NODE] = "k8s.node.name",
        [PROGRAM] = "process.executable.name",
        [RUNTIME] = "process.runtime.name",
        [RUNTIME_VERSION] = "process.runtime.version",
        [HOST] = "host.name",
        [PID] = "process.pid",
};

/* Not of those: who runs the agent without the kubelet's help may set them by --label. */
static const char *const workload_keys[FIND_WORKLOADS] = {
        [FIND_DEPLOYMENT] = "k8s.deployment.name",
        [FIND_REPLICA_SET] = "k8s.replicaset.name",
        [FIND_STATEFUL_SET] = "k8s.statefulset.name",
        [FIND_DAEMON_SET] = "k8s.daemonset.name",
        [FIND_JOB] = "k8s.job.name",
};

bool describe_is_own(const char *key)
{
        for (size_t i = 0; i < KEYS; i++)
                if (strcmp(keys[i], key) == 0)
                        return true;
        return false;
}

/* Sets labels, and what the process claims about itself beyond its name. find leaves out what podflame knows better. */
static int set_further_attributes(struct profile *profile, const struct find_process *process)
{
        const char *key, *value = NULL;
        int r = 0;

        while (r == 0 && find_resource_next(process, &key, &value))
                r = profile_set_attribute(profile, key, value);
        return r;
}

int describe_group(struct profile *profile, const struct find_process *process)
{
        char host[256] = "", version[32];
        const char *slash = strrchr(process->exe, '/');

        gethostname(host, sizeof host - 1);
        format_version(process->info.version, version, sizeof version);
        const char *const values[KEYS] = {
                [SERVICE] = process->service,
                [CONTAINER_ID] = process->container_id,
                [CONTAINER_NAME] = process->container_name,
                [IMAGE] = process->image,
                [POD] = process->pod,
                [NAMESPACE] = process->pod_namespace,
                [K8S_CONTAINER] = process->k8s_container,
                [POD_UID] = process->pod_uid,
                [NODE] = *process->pod || *process->pod_uid ? process->node : "",
                [PROGRAM] = slash ? slash + 1 : process->exe,
                [RUNTIME] = "cpython",
                [RUNTIME_VERSION] = version,
                [HOST] = host,
                [PID] = "",
        };
        int r = 0;

        for (size_t i = 0; i < KEYS && r == 0; i++)
                if (*values[i])
                        r = profile_set_attribute(profile, keys[i], values[i]);
        if (r == 0 && process->workload_kind != FIND_NO_WORKLOAD)
                r = profile_set_attribute(profile, workload_keys[process->workload_kind], process->workload);
        return r < 0 ? r : set_further_attributes(profile, process);
}

int describe_process(struct profile *profile, const struct find_process *process)
{
        char pid[16];
        int r = describe_group(profile, process);

        snprintf(pid, sizeof pid, "%d", process->pid);
        if (r == 0 && *process->program)
                r = profile_set_attribute(profile, GROUPING_ATTRIBUTE, process->program);
        return r < 0 ? r : profile_set_attribute(profile, keys[PID], pid);
}
