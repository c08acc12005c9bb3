/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a user calls a container to its processes. The containers are those
 * that have a process now: runtimes' files may speak of others, which cannot be
 * profiled.
 */
#include "agent/find/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct member {
        char id[NSUTIL_CONTAINER_ID_SIZE];
        pid_t pid;
};

struct members {
        struct member *all;
        size_t n, size;
};

static int add_member(pid_t pid, void *ctx)
{
        struct members *members = ctx;
        struct member member = { .pid = pid };
        char exe[2];

        /* Threads of the kernel have no program and are in no container. */
        if (nsutil_exe(pid, exe, sizeof(exe)) == NSUTIL_E_NOT_FOUND || nsutil_container_id(pid, member.id))
                return 0;
        if (members->n == members->size) {
                size_t size = members->size ? members->size * 2 : 64;
                struct member *all = reallocarray(members->all, size, sizeof(*all));

                if (!all)
                        return -ENOMEM;
                members->all = all;
                members->size = size;
        }
        members->all[members->n++] = member;
        return 0;
}

/* By container, then by PID. */
static int compare_members(const void *a, const void *b)
{
        const struct member *left = a, *right = b;
        int r = strcmp(left->id, right->id);

        return r ? r : (left->pid > right->pid) - (left->pid < right->pid);
}

static int list_containers(const struct find *find, const struct members *members, struct find_candidate **ret,
                           size_t *ret_n)
{
        struct find_candidate *containers = calloc(members->n + 1, sizeof(*containers));
        size_t n = 0;

        if (!containers)
                return -ENOMEM;
        for (size_t i = 0; i < members->n; i++) {
                struct find_names names;

                if (n > 0 && !strcmp(containers[n - 1].id, members->all[i].id))
                        continue;
                find_names_get(find, members->all[i].id, &names);
                memcpy(containers[n].id, members->all[i].id, sizeof(containers[n].id));
                memcpy(containers[n].name, names.name, sizeof(containers[n].name));
                n++;
        }
        *ret = containers;
        *ret_n = n;
        return 0;
}

static int list_pids(const struct members *members, const char *id, pid_t **ret, size_t *ret_n)
{
        pid_t *pids = calloc(members->n + 1, sizeof(*pids));
        size_t n = 0;

        if (!pids)
                return -ENOMEM;
        for (size_t i = 0; i < members->n; i++)
                if (!strcmp(members->all[i].id, id))
                        pids[n++] = members->all[i].pid;
        *ret = pids;
        *ret_n = n;
        return 0;
}

int find_container(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                   struct find_candidate **ret_candidates, size_t *ret_n_candidates)
{
        struct find_candidate *containers = NULL;
        struct members members = { 0 };
        size_t n, matches;
        int r = nsutil_each_pid(add_member, &members);

        if (r)
                goto out;
        if (members.n > 0)
                qsort(members.all, members.n, sizeof(*members.all), compare_members);
        r = list_containers(find, &members, &containers, &n);
        if (r)
                goto out;
        r = find_match(containers, n, name, &matches);
        if (r == 0) {
                r = list_pids(&members, containers[0].id, ret_pids, ret_n);
        } else {
                *ret_candidates = containers;
                *ret_n_candidates = r == FIND_E_AMBIGUOUS ? matches : n;
                containers = NULL;
        }
out:
        free(containers);
        free(members.all);
        return r;
}
