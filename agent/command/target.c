/* SPDX-License-Identifier: Apache-2.0 */
/* From what was typed to opened processes, with a clear word where that fails. */
#include "target.h"

#include "abi.h"
#include "command.h"
#include "say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An interpreter that is still starting is waited for this long, in steps. */
#define START_WAIT_MS 1000
#define START_STEP_MS 10

static void sleep_ms(unsigned ms)
{
        struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

        nanosleep(&time, NULL);
}

int target_open(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *info)
{
        int r = PYSTACK_E_NOT_READY;

        for (unsigned waited = 0; r == PYSTACK_E_NOT_READY && waited <= START_WAIT_MS; waited += START_STEP_MS) {
                if (waited > 0)
                        sleep_ms(START_STEP_MS);
                r = pystack_open_abi(pid, abi, ret, info);
        }
        return r;
}

/* Adds process @pid. Returns the error of pystack_open(), or of finding out who it is. */
static int add(struct choice *choice, struct find *find, pid_t pid, uint32_t abi, struct pystack_info *info)
{
        struct chosen chosen = { 0 };
        struct chosen *items = realloc(choice->items, (choice->n + 1) * sizeof *items);

        *info = (struct pystack_info){ 0 };
        if (!items)
                return -ENOMEM;
        choice->items = items;
        if (find_identify(find, pid, &chosen.process) != 0)
                return PYSTACK_E_GONE;
        int r = target_open(pid, abi, &chosen.py, info);
        chosen.process.info = *info;
        if (r == 0)
                choice->items[choice->n++] = chosen;
        return r;
}

static int choose_pids(struct find *find, const struct pid_list *pids, uint32_t abi, struct choice *choice)
{
        struct pystack_info info;

        for (size_t i = 0; i < pids->n; i++) {
                int r = add(choice, find, pids->pids[i], abi, &info);
                if (r != 0)
                        return say_not_profilable(pids->pids[i], r, &info);
        }
        return -1;
}

/* What has several processes, and how it is found. */
struct group {
        const char *kind;
        int (*find)(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                    struct find_candidate **ret_candidates, size_t *ret_n_candidates);
        const char *unknown; /* there is none of that name */
};

static const struct group containers = { "container", find_container, "running container of that name or id" };
static const struct group pods = { "pod", find_pod, "running pod or container of that name" };

static void list_candidate(const struct group *group, const struct find_candidate *c)
{
        if (group == &pods)
                fprintf(stderr, "  %s/%s/%s\n", c->pod_namespace, c->pod, c->k8s_container);
        else
                fprintf(stderr, "  %.12s  %s\n", c->id, c->name);
}

static int say_unknown(const struct group *group, int error, const char *name, const struct find_candidate *candidates,
                       size_t n)
{
        say_hiding();
        if (error == FIND_E_AMBIGUOUS)
                say_error("%s '%s': it could be any of these:", group->kind, name);
        else if (error == FIND_E_UNKNOWN && n == 0)
                return say_error("%s '%s': no process of this machine is in a %s", group->kind, name, group->kind);
        else if (error == FIND_E_UNKNOWN)
                say_error("%s '%s': there is no %s; there are:", group->kind, name, group->unknown);
        else
                return say_error("%s '%s': %s", group->kind, name, strerror(-error));
        for (size_t i = 0; i < n; i++)
                list_candidate(group, &candidates[i]);
        return EXIT_FAILED;
}

/* Of a group without a readable Python, the most telling error is reported. */
static int choose_processes(struct find *find, const struct group *group, const char *name, const pid_t *pids, size_t n,
                            uint32_t abi, struct choice *choice)
{
        struct pystack_info info, worst_info = { 0 };
        int worst = PYSTACK_E_NOT_PYTHON;
        pid_t worst_pid = 0;

        for (size_t i = 0; i < n; i++) {
                int e = add(choice, find, pids[i], abi, &info);
                if (e != 0 && e != PYSTACK_E_NOT_PYTHON && e != PYSTACK_E_GONE) {
                        worst = e;
                        worst_info = info;
                        worst_pid = pids[i];
                }
        }
        if (choice->n > 0)
                return -1;
        if (worst != PYSTACK_E_NOT_PYTHON)
                return say_not_profilable(worst_pid, worst, &worst_info);
        return say_error("%s '%s': none of its %zu processes is a CPython process", group->kind, name, n);
}

/* -1, or an exit status after a word about it. */
static int find_group(struct find *find, const struct group *group, const char *name, pid_t **ret_pids, size_t *ret_n)
{
        struct find_candidate *candidates = NULL;
        size_t n_candidates = 0;
        int r = group->find(find, name, ret_pids, ret_n, &candidates, &n_candidates);

        r = r == 0 ? -1 : say_unknown(group, r, name, candidates, n_candidates);
        free(candidates);
        return r;
}

static int choose_group(struct find *find, const struct group *group, const char *name, uint32_t abi,
                        struct choice *choice)
{
        pid_t *pids = NULL;
        size_t n = 0;
        int r = find_group(find, group, name, &pids, &n);

        if (r < 0)
                r = choose_processes(find, group, name, pids, n, abi, choice);
        free(pids);
        return r;
}

int target_find_groups(struct find *find, const struct target_options *target,
                       int (*each)(void *ctx, const pid_t *pids, size_t n), void *ctx)
{
        const struct {
                const struct group *group;
                const char *name;
        } named[] = { { &containers, target->container }, { &pods, target->pod } };
        int r = -1;

        for (size_t i = 0; r < 0 && i < sizeof named / sizeof *named; i++) {
                pid_t *pids = NULL;
                size_t n = 0;
                if (!named[i].name)
                        continue;
                r = find_group(find, named[i].group, named[i].name, &pids, &n);
                if (r < 0)
                        r = each(ctx, pids, n);
                free(pids);
        }
        return r;
}

int target_abi(const struct target_options *target, const struct usage *usage, uint32_t *ret)
{
        char known[256];

        *ret = 0;
        if (!target->abi || abi_parse(target->abi, ret))
                return -1;
        abi_list(known, sizeof known);
        return options_wrong(usage, "--abi: '%s' is none of %s", target->abi, known);
}

bool target_is_named(const struct target_options *target)
{
        return target->pids.n > 0 || target->container || target->pod;
}

int target_choose(struct find *find, const struct target_options *target, const struct usage *usage,
                  struct choice *ret)
{
        uint32_t abi;
        int r = target_abi(target, usage, &abi);

        if (r >= 0)
                return r;
        if (!target_is_named(target))
                return options_wrong(usage, "name what to profile: -p PID, -c CONTAINER or --pod POD");
        if (target->container)
                r = choose_group(find, &containers, target->container, abi, ret);
        if (r < 0 && target->pod)
                r = choose_group(find, &pods, target->pod, abi, ret);
        if (r < 0)
                r = choose_pids(find, &target->pids, abi, ret);
        if (r >= 0)
                choice_deinit(ret);
        return r;
}

void choice_deinit(struct choice *choice)
{
        for (size_t i = 0; i < choice->n; i++)
                pystack_close(choice->items[i].py);
        free(choice->items);
        *choice = (struct choice){ 0 };
}
