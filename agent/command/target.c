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

static int open_patiently(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *info)
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
        int r = open_patiently(pid, abi, &chosen.py, info);
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

static int say_no_container(int error, const char *name, const struct find_candidate *candidates, size_t n)
{
        if (error == FIND_E_AMBIGUOUS)
                say_error("container '%s': it could be any of these:", name);
        else if (error == FIND_E_UNKNOWN && n == 0)
                return say_error("container '%s': no process of this machine is in a container", name);
        else if (error == FIND_E_UNKNOWN)
                say_error("container '%s': there is no running container of that name or id; there are:", name);
        else
                return say_error("container '%s': %s", name, strerror(-error));
        for (size_t i = 0; i < n; i++)
                fprintf(stderr, "  %.12s  %s\n", candidates[i].id, candidates[i].name);
        return EXIT_FAILED;
}

/* Of a container without a readable Python, the most telling error is reported. */
static int choose_container(struct find *find, const char *name, uint32_t abi, struct choice *choice)
{
        struct find_candidate *candidates = NULL;
        pid_t *pids = NULL;
        size_t n_pids = 0, n_candidates = 0;
        int r = find_container(find, name, &pids, &n_pids, &candidates, &n_candidates);
        int worst = PYSTACK_E_NOT_PYTHON;
        struct pystack_info info, worst_info = { 0 };
        pid_t worst_pid = 0;

        if (r != 0) {
                r = say_no_container(r, name, candidates, n_candidates);
                goto out;
        }
        for (size_t i = 0; i < n_pids; i++) {
                int e = add(choice, find, pids[i], abi, &info);
                if (e != 0 && e != PYSTACK_E_NOT_PYTHON && e != PYSTACK_E_GONE) {
                        worst = e;
                        worst_info = info;
                        worst_pid = pids[i];
                }
        }
        r = -1;
        if (choice->n == 0 && worst != PYSTACK_E_NOT_PYTHON)
                r = say_not_profilable(worst_pid, worst, &worst_info);
        else if (choice->n == 0)
                r = say_error("container '%s': none of its %zu processes is a CPython process", name, n_pids);
out:
        free(pids);
        free(candidates);
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

int target_choose(struct find *find, const struct target_options *target, const struct usage *usage,
                  struct choice *ret)
{
        uint32_t abi;
        int r = target_abi(target, usage, &abi);

        if (r >= 0)
                return r;
        if (target->pids.n == 0 && !target->container)
                return options_wrong(usage, "name what to profile: -p PID or -c CONTAINER");
        if (target->container)
                r = choose_container(find, target->container, abi, ret);
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
