/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container's name, as a user gives it, to its processes. Only containers that have a process now are
 * considered. The runtimes' files may name others, which cannot be profiled.
 */
#include "agent/find/choose/choose.h"
#include "agent/find/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct contained_process {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        pid_t pid;
};

struct contained_processes {
        const struct find *find;
        struct contained_process *all;
        size_t n, size;
};

static int add_contained_process(pid_t pid, void *ctx)
{
        struct contained_processes *processes = ctx;
        struct contained_process process = { .pid = pid };
        struct nsutil_place place;
        char exe[2], claimed[NSUTIL_CONTAINER_ID_SIZE];

        /* Kernel threads have no program and are in no container. */
        if (nsutil_exe(pid, exe, sizeof(exe)) == NSUTIL_E_NOT_FOUND ||
            find_place_of(processes->find, pid, &place, claimed))
                return 0;
        memcpy(process.id, place.container_id, sizeof(process.id));
        if (processes->n == processes->size) {
                size_t size = processes->size ? processes->size * 2 : 64;
                struct contained_process *all = reallocarray(processes->all, size, sizeof(*all));

                if (!all)
                        return -ENOMEM;
                processes->all = all;
                processes->size = size;
        }
        processes->all[processes->n++] = process;
        return 0;
}

/* Orders by container, then by PID. */
static int order_processes(const void *a, const void *b)
{
        const struct contained_process *left = a, *right = b;
        int r = strcmp(left->id, right->id);

        return r ? r : (left->pid > right->pid) - (left->pid < right->pid);
}

static int order_pids(const void *a, const void *b)
{
        return *(const pid_t *)a - *(const pid_t *)b;
}

/* Sets a container's name: its own one, or the one by which Kubernetes addresses it, NAMESPACE/POD/CONTAINER. */
static void name_candidate(struct find *find, const struct contained_process *process, struct find_candidate *candidate)
{
        struct nsutil_place at = { 0 };
        struct find_place place = { .pid = process->pid, .id = process->id, .pod_uid = at.pod_uid };
        struct find_names names;

        nsutil_place(process->pid, &at);
        find_names_get(find, &place, &names);
        memcpy(candidate->id, process->id, sizeof(candidate->id));
        memcpy(candidate->pod, names.pod, sizeof(candidate->pod));
        memcpy(candidate->pod_namespace, names.pod_namespace, sizeof(candidate->pod_namespace));
        memcpy(candidate->k8s_container, names.k8s_container, sizeof(candidate->k8s_container));
        if (names.name[0] || !names.pod[0])
                memcpy(candidate->name, names.name, sizeof(candidate->name));
        else
                snprintf(candidate->name, sizeof(candidate->name), "%s/%.126s/%s", names.pod_namespace, names.pod,
                         names.k8s_container);
}

static int list_containers(struct find *find, const struct contained_processes *processes, struct find_candidate **ret,
                           size_t *ret_n)
{
        struct find_candidate *containers = calloc(processes->n + 1, sizeof(*containers));
        size_t n = 0;

        if (!containers)
                return -ENOMEM;
        for (size_t i = 0; i < processes->n; i++) {
                if (n > 0 && !strcmp(containers[n - 1].id, processes->all[i].id))
                        continue;
                name_candidate(find, &processes->all[i], &containers[n++]);
        }
        *ret = containers;
        *ret_n = n;
        return 0;
}

/* Lists the processes of the first @n_containers. */
static int list_pids(const struct contained_processes *processes, const struct find_candidate *containers,
                     size_t n_containers, pid_t **ret, size_t *ret_n)
{
        pid_t *pids = calloc(processes->n + 1, sizeof(*pids));
        size_t n = 0;

        if (!pids)
                return -ENOMEM;
        for (size_t i = 0; i < processes->n; i++)
                for (size_t j = 0; j < n_containers; j++)
                        if (!strcmp(processes->all[i].id, containers[j].id))
                                pids[n++] = processes->all[i].pid;
        qsort(pids, n, sizeof(*pids), order_pids);
        *ret = pids;
        *ret_n = n;
        return 0;
}

/* Chooses containers by name: find_match() or find_match_pod(). */
typedef int (*match_fn)(struct find_candidate *containers, size_t n, const char *name, size_t *ret_matches);

static int resolve_name(struct find *find, match_fn match, const char *name, pid_t **ret_pids, size_t *ret_n,
                        struct find_candidate **ret_candidates, size_t *ret_n_candidates)
{
        struct find_candidate *containers = NULL;
        struct contained_processes processes = { .find = find };
        size_t n, matches;
        int r = nsutil_each_pid(add_contained_process, &processes);

        if (r)
                goto out;
        if (processes.n > 0)
                qsort(processes.all, processes.n, sizeof(*processes.all), order_processes);
        r = list_containers(find, &processes, &containers, &n);
        if (r)
                goto out;
        r = match(containers, n, name, &matches);
        if (r == 0) {
                r = list_pids(&processes, containers, matches, ret_pids, ret_n);
        } else {
                *ret_candidates = containers;
                *ret_n_candidates = r == FIND_E_AMBIGUOUS ? matches : n;
                containers = NULL;
        }
out:
        free(containers);
        free(processes.all);
        return r;
}

int find_container(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                   struct find_candidate **ret_candidates, size_t *ret_n_candidates)
{
        return resolve_name(find, find_match, name, ret_pids, ret_n, ret_candidates, ret_n_candidates);
}

int find_pod(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
             struct find_candidate **ret_candidates, size_t *ret_n_candidates)
{
        int r = resolve_name(find, find_match_pod, name, ret_pids, ret_n, ret_candidates, ret_n_candidates);
        size_t n = 0;

        if (r != FIND_E_UNKNOWN)
                return r;
        for (size_t i = 0; i < *ret_n_candidates; i++)
                if ((*ret_candidates)[i].pod[0])
                        (*ret_candidates)[n++] = (*ret_candidates)[i];
        *ret_n_candidates = n;
        return r;
}
