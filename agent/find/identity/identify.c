/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a process. Only two variables of its environment are used: by these its owner says which name it has.
 * Only the kernel and the runtimes say where it runs.
 */
#include "agent/find/choose/choose.h"
#include "agent/find/identity/claims.h"
#include "agent/find/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* As in nsutil: enough for a dozen hierarchies with a path of up to 4096 bytes each, several times over. */
#define CGROUP_MAX ((size_t)256 << 10)

/* At most this much of a cgroup's path is compared with rules. */
#define CGROUP_PATH_SIZE 1024

static void set_exe(struct find_process *process)
{
        char exe[PATH_MAX] = "";

        nsutil_exe(process->pid, exe, sizeof(exe));
        pystack_escape(exe, strlen(exe), process->exe, sizeof(process->exe));
}

/* Copies the longest path of all hierarchies, which says most. cgroup v2 has only one. */
static void copy_longest_path(const char *text, char *ret, size_t size)
{
        size_t longest = 0;

        for (const char *line = text; *line;) {
                size_t len = strcspn(line, "\n");
                const char *colon = memchr(line, ':', len);
                const char *path = colon ? memchr(colon + 1, ':', len - (size_t)(colon + 1 - line)) : NULL;

                if (path && len - (size_t)(path + 1 - line) > longest) {
                        longest = len - (size_t)(path + 1 - line);
                        find_clean(path + 1, longest, ret, size);
                }
                line += len + (line[len] == '\n');
        }
}

static void set_cgroup(struct find_process *process, char cgroup[static CGROUP_PATH_SIZE])
{
        char *text;
        size_t len;

        if (nsutil_read_proc(process->pid, "cgroup", CGROUP_MAX, &text, &len))
                return;
        copy_longest_path(text, cgroup, CGROUP_PATH_SIZE);
        free(text);
}

static void set_container(struct find *find, struct find_process *process, const char *cgroup, struct find_names *names)
{
        struct find_place place = {
                .pid = process->pid,
                .id = process->container_id,
                .pod_uid = process->pod_uid,
        };
        struct nsutil_place at;

        if (find_place_of(find, process->pid, &at, process->claimed_id) != NSUTIL_E_GONE) {
                memcpy(process->container_id, at.container_id, sizeof(process->container_id));
                memcpy(process->pod_uid, at.pod_uid, sizeof(process->pod_uid));
        }
        place.hidden = !strcmp(cgroup, "/") && !process->claimed_id[0];
        process->unnamed = !find_names_get(find, &place, names) && place.id[0];
        memcpy(process->container_name, names->name, sizeof(names->name));
        memcpy(process->image, names->image, sizeof(names->image));
        memcpy(process->pod, names->pod, sizeof(names->pod));
        memcpy(process->pod_namespace, names->pod_namespace, sizeof(names->pod_namespace));
        memcpy(process->k8s_container, names->k8s_container, sizeof(names->k8s_container));
        memcpy(process->pod_uid, names->pod_uid, sizeof(names->pod_uid));
        process->workload_kind = names->workload_kind;
        memcpy(process->workload, names->workload, sizeof(names->workload));
        memcpy(process->node, find->node, sizeof(process->node));
}

/* Sets what the process says of itself: what it said first, if that is known. Returns whether it is to be kept. */
static bool set_claims(struct find *find, const struct nsutil_stat *stat, struct find_process *process,
                       struct find_process *said)
{
        bool whole = find_claims_get(find, stat, said) || find_claims_read(said);

        memcpy(process->cmdline, said->cmdline, sizeof(said->cmdline));
        memcpy(process->program, said->program, sizeof(said->program));
        memcpy(process->service, said->service, sizeof(said->service));
        find_resource_add(process, said);
        return whole;
}

static void set_service(struct find_process *process, const char *comm)
{
        const char *const choices[] = { process->k8s_container,
                                        process->container_name,
                                        process->program,
                                        find_basename(process->exe),
                                        comm,
                                        "unknown" };

        for (size_t i = 0; !process->service[0] && i < sizeof(choices) / sizeof(*choices); i++)
                find_clean(choices[i], strlen(choices[i]), process->service, sizeof(process->service));
}

void find_take_names(struct find_process *process, const struct find_process *named)
{
        struct find_process kept = *process;

        *process = *named;
        process->status = kept.status;
        process->info = kept.info;
        memcpy(process->claimed_id, kept.claimed_id, sizeof(kept.claimed_id));
}

int find_identify(struct find *find, pid_t pid, struct find_process *ret)
{
        struct find_process process = { .pid = pid }, said = { .pid = pid };
        char cgroup[CGROUP_PATH_SIZE] = "";
        struct find_names names;
        const struct find_facts facts = { .cgroup = cgroup, .labels = names.labels };
        struct nsutil_stat stat, again;
        int r = nsutil_stat_read(pid, &stat);

        if (r)
                return r;
        process.start_time = stat.start_time;
        set_exe(&process);
        memcpy(said.exe, process.exe, sizeof(said.exe));
        set_cgroup(&process, cgroup);
        set_container(find, &process, cgroup, &names);
        /* Before what it claims, or that may take the room. */
        find_rules_add_labels(find->rules, names.labels, &process);
        bool whole = set_claims(find, &stat, &process, &said);
        set_service(&process, stat.comm);
        find_rules_apply(find->rules, &facts, &process);
        /* If the process is still there, all that was read belongs to one and the same process. */
        r = nsutil_stat_read(pid, &again);
        if (!r && again.start_time != stat.start_time)
                r = NSUTIL_E_GONE;
        if (!r)
                *ret = process;
        if (!r && whole && again.start_stack == stat.start_stack)
                find_claims_keep(find, &stat, &said);
        return r;
}
