/* SPDX-License-Identifier: Apache-2.0 */
/* Identity of a process to attributes of its profile. */
#include "describe.h"

#include "say.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct attribute {
        const char *key, *value;
};

static int set_all(struct profile *profile, const struct attribute *attributes, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int r = *attributes[i].value ? profile_set_attribute(profile, attributes[i].key, attributes[i].value)
                                             : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the process says of itself beyond its name; what podflame knows better is left out by find. */
static int set_claimed(struct profile *profile, const struct find_process *process)
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
        const struct attribute attributes[] = {
                { "service.name", process->service },
                { "container.id", process->container_id },
                { "container.name", process->container_name },
                { "container.image.name", process->image },
                { "k8s.pod.name", process->pod },
                { "k8s.namespace.name", process->pod_namespace },
                { "k8s.container.name", process->k8s_container },
                { "k8s.pod.uid", process->pod_uid },
                { "k8s.node.name", *process->pod || *process->pod_uid ? process->node : "" },
                { "process.executable.name", slash ? slash + 1 : process->exe },
                { "process.runtime.name", "cpython" },
                { "process.runtime.version", version },
                { "host.name", host },
        };
        int r = set_all(profile, attributes, sizeof attributes / sizeof *attributes);
        return r < 0 ? r : set_claimed(profile, process);
}

int describe_process(struct profile *profile, const struct find_process *process)
{
        char pid[16];
        const struct attribute attributes[] = { { "process.pid", pid } };

        snprintf(pid, sizeof pid, "%d", process->pid);
        int r = describe_group(profile, process);
        return r < 0 ? r : set_all(profile, attributes, 1);
}
