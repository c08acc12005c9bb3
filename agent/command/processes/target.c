/* SPDX-License-Identifier: Apache-2.0 */
/* From a TARGET that was typed to opened processes. Every failure is explained. */
#include "target.h"

#include "refusals.h"

#include "abi.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"
#include "agent/command/command.h"

#include "appear.h"
#include "children.h"

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
        const struct pystack_options options = { .pid = pid, .abi = abi, .trace = refusals_trace() };
        int r = pystack_open(&options, ret, info);

        for (unsigned waited = 0; appear_may_come(pid, r) && waited < START_WAIT_MS; waited += START_STEP_MS) {
                sleep_ms(START_STEP_MS);
                r = pystack_open(&options, ret, info);
        }
        return r;
}

/* ---- threads ------------------------------------------------------------------------------- */

struct counting {
        struct pystack *py;
        size_t n, named;
        int error;
};

static void count_threads(void *job)
{
        struct counting *c = job;
        const struct pystack_thread_ref *refs;

        c->error = pystack_threads(c->py, &refs, &c->n);
        for (size_t i = 0; c->error == 0 && i < c->n; i++)
                c->named += refs[i].inner_tid != 0;
}

static void discard_counting(void *job)
{
        struct counting *c = job;

        pystack_close(c->py);
        free(c);
}

int target_count_threads(pid_t pid, struct pystack **py, size_t *ret_n, size_t *ret_named)
{
        static const struct nsutil_work work = { .run = count_threads, .discard = discard_counting };
        struct counting *c = calloc(1, sizeof *c);

        if (!c)
                return -ENOMEM;
        c->py = *py;
        if (nsutil_attempt(pid, &work, c) != 0) {
                *py = NULL;
                return PYSTACK_E_HANGS;
        }
        int e = c->error;
        *ret_n = c->n;
        *ret_named = c->named;
        free(c);
        return e;
}

pid_t target_process(pid_t pid)
{
        pid_t process;

        return nsutil_process_of(pid, &process) == 0 ? process : pid;
}

/* ---- choosing ------------------------------------------------------------------------------- */

/* Prints why a named process cannot be profiled. */
static void explain_target(pid_t pid, int error, const struct pystack_info *info, enum target_patience patience)
{
        char why[EXPLANATION_SIZE];

        explain_not_profilable(pid, error, info, why, sizeof why);
        say_error("process %d: %s%s", pid, why,
                  error == PYSTACK_E_NOT_PYTHON && patience == TARGET_WAITED_FOR
                          ? "; --subprocesses follows its children"
                          : "");
}

struct choosing {
        struct find *find;
        uint32_t abi;
        enum target_patience patience;
        struct choice *choice;
};

static struct chosen *get_chosen(const struct choice *choice, pid_t pid)
{
        for (size_t i = 0; i < choice->n; i++)
                if (choice->items[i].process.pid == pid)
                        return &choice->items[i];
        return NULL;
}

/* Whether a process that cannot be opened now is chosen all the same. A process of a group is, if it is Python. */
static bool is_worth_keeping(const struct choosing *c, pid_t pid, int error, bool asked)
{
        bool other = error == PYSTACK_E_NOT_PYTHON || (asked && error == PYSTACK_E_UNSUPPORTED);

        return c->patience != TARGET_NOW && (appear_may_come(pid, error) || (other && c->patience == TARGET_FOLLOWED) ||
                                             (!asked && !other && error > 0 && error != PYSTACK_E_GONE));
}

/*
 * Adds process @pid, which is named by itself (@asked) or is of a group. Returns the error of pystack_open(), or of
 * identifying it. It may have been added in spite of an error. start_stack is read before: later it tells whether the
 * process has executed another program since.
 */
static int add_chosen(struct choosing *c, pid_t pid, bool asked, struct pystack_info *info)
{
        struct chosen chosen = { .asked = asked }, *known = get_chosen(c->choice, pid);
        struct chosen *items = reallocarray(c->choice->items, c->choice->n + 1, sizeof *items);
        struct nsutil_stat stat;

        *info = (struct pystack_info){ 0 };
        if (!items)
                return -ENOMEM;
        c->choice->items = items;
        if (known) {
                known = get_chosen(c->choice, pid);
                known->asked |= asked;
                return known->status;
        }
        int r = nsutil_stat_read(pid, &stat);
        if (r == 0)
                r = find_identify(c->find, pid, &chosen.process);
        if (r != 0)
                return r < 0 ? r : PYSTACK_E_GONE;
        chosen.start_stack = stat.start_stack;
        const struct pystack_options options = { .pid = pid, .abi = c->abi, .trace = refusals_trace() };
        chosen.status = c->patience == TARGET_NOW ? target_open(pid, c->abi, &chosen.py, info)
                                                  : pystack_open(&options, &chosen.py, info);
        chosen.process.info = *info;
        if (chosen.status == 0 || is_worth_keeping(c, pid, chosen.status, asked))
                c->choice->items[c->choice->n++] = chosen;
        return chosen.status;
}

/* A process that cannot be opened does not keep the others from being profiled. */
static int choose_pids(struct choosing *c, const struct pid_list *pids)
{
        struct pystack_info info;

        for (size_t i = 0; i < pids->n; i++) {
                pid_t pid = target_process(pids->pids[i]);
                int r = add_chosen(c, pid, true, &info);
                if (r == 0 || get_chosen(c->choice, pid))
                        continue;
                explain_target(pids->pids[i], r, &info, c->patience);
                c->choice->refused++;
        }
        return c->choice->n > 0 ? GO_ON : EXIT_FAILED;
}

/* A kind of thing that has several processes, and how it is found. */
struct group {
        const char *kind;
        int (*find)(struct find *find, const char *name, pid_t **ret_pids, size_t *ret_n,
                    struct find_candidate **ret_candidates, size_t *ret_n_candidates);
        const char *unknown; /* what does not exist, for the message */
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

/*
 * Chooses the processes of a group. If none of them can be read, now or later, only the last error that is not about a
 * program other than Python is printed. With TARGET_NOW it is printed even if others can be read, as no process is
 * tried again.
 */
static int choose_processes(struct choosing *c, const struct group *group, const char *name, const pid_t *pids,
                            size_t n)
{
        struct pystack_info info, worst_info = { 0 };
        int worst = PYSTACK_E_NOT_PYTHON;
        pid_t worst_pid = 0;
        size_t good = 0;

        for (size_t i = 0; i < n; i++) {
                int e = add_chosen(c, pids[i], false, &info);
                good += e == 0 || appear_may_come(pids[i], e);
                if (e != 0 && e != PYSTACK_E_NOT_PYTHON && e != PYSTACK_E_GONE) {
                        worst = e;
                        worst_info = info;
                        worst_pid = pids[i];
                }
        }
        if (worst != PYSTACK_E_NOT_PYTHON && (good == 0 || c->patience == TARGET_NOW))
                say_not_profilable(worst_pid, worst, &worst_info);
        if (good > 0 || (worst == PYSTACK_E_NOT_PYTHON && c->choice->n > 0))
                return GO_ON;
        return worst != PYSTACK_E_NOT_PYTHON
                       ? EXIT_FAILED
                       : say_error("%s '%s': none of its %zu processes is a CPython process", group->kind, name, n);
}

/* Finds the processes of a group. GO_ON, or an exit status, after a message. */
static int resolve_group(struct find *find, const struct group *group, const char *name, pid_t **ret_pids,
                         size_t *ret_n)
{
        struct find_candidate *candidates = NULL;
        size_t n_candidates = 0;
        int r = group->find(find, name, ret_pids, ret_n, &candidates, &n_candidates);

        int status = r == 0 ? GO_ON : say_unknown(group, r, name, candidates, n_candidates);

        free(candidates);
        return status;
}

static int choose_group(struct choosing *c, const struct group *group, const char *name)
{
        pid_t *pids = NULL;
        size_t n = 0;
        int status = resolve_group(c->find, group, name, &pids, &n);

        if (status == GO_ON)
                status = choose_processes(c, group, name, pids, n);
        free(pids);
        return status;
}

int target_find_groups(struct find *find, const struct target_options *target,
                       int (*each)(void *ctx, const pid_t *pids, size_t n), void *ctx)
{
        const struct {
                const struct group *group;
                const char *name;
        } named[] = { { &containers, target->container }, { &pods, target->pod } };
        int status = GO_ON;

        for (size_t i = 0; status == GO_ON && i < sizeof named / sizeof *named; i++) {
                pid_t *pids = NULL;
                size_t n = 0;
                if (!named[i].name)
                        continue;
                status = resolve_group(find, named[i].group, named[i].name, &pids, &n);
                if (status == GO_ON)
                        status = each(ctx, pids, n);
                free(pids);
        }
        return status;
}

int target_abi(const struct target_options *target, const struct usage *usage, uint32_t *ret)
{
        char known[256];

        *ret = 0;
        if (!target->abi || abi_parse(target->abi, ret))
                return GO_ON;
        abi_list(known, sizeof known);
        return options_wrong(usage, "--abi: '%s' is none of %s", target->abi, known);
}

bool target_is_named(const struct target_options *target)
{
        return target->pids.n > 0 || target->container || target->pod;
}

int target_choose(struct find *find, const struct target_options *target, const struct usage *usage,
                  enum target_patience patience, struct choice *ret)
{
        struct choosing c = { .find = find, .patience = patience, .choice = ret };
        int status = target_abi(target, usage, &c.abi);

        if (status != GO_ON)
                return status;
        if (!target_is_named(target))
                return options_wrong(usage, "name what to profile: -p PID, -c CONTAINER or --pod POD");
        if (target->container)
                status = choose_group(&c, &containers, target->container);
        if (status == GO_ON && target->pod)
                status = choose_group(&c, &pods, target->pod);
        if (status == GO_ON)
                status = choose_pids(&c, &target->pids);
        if (status != GO_ON)
                choice_deinit(ret);
        return status;
}

/* Leaves out what could not be opened; if it is not for another program, with a message. */
static void drop_unopened(struct choice *choice)
{
        size_t n = 0;

        for (size_t i = 0; i < choice->n; i++) {
                const struct chosen *item = &choice->items[i];
                if (item->py) {
                        choice->items[n++] = *item;
                } else if (item->status != PYSTACK_E_NOT_PYTHON && item->status != PYSTACK_E_GONE) {
                        say_not_profilable(item->process.pid, item->status, &item->process.info);
                        choice->refused++;
                }
        }
        choice->n = n;
}

int target_add_descendants(struct find *find, uint32_t abi, struct choice *choice)
{
        struct choosing c = { .find = find, .abi = abi, .patience = TARGET_FOLLOWED, .choice = choice };
        struct pystack_info info;
        pid_t *pids = NULL;
        size_t n = 0;
        int e = children_list(choice, &pids, &n);

        for (size_t i = 0; e == 0 && i < n; i++)
                add_chosen(&c, pids[i], false, &info);
        free(pids);
        if (e < 0)
                return say_error("/proc cannot be read: %s", strerror(-e));
        drop_unopened(choice);
        return choice->n > 0 ? GO_ON : say_error("neither the processes nor their children are CPython processes");
}

void choice_deinit(struct choice *choice)
{
        for (size_t i = 0; i < choice->n; i++)
                pystack_close(choice->items[i].py);
        free(choice->items);
        *choice = (struct choice){ 0 };
}

void target_subject(const struct target_options *options, const struct choice *choice,
                    char ret[static TARGET_SUBJECT_SIZE])
{
        const struct find_process *first = &choice->items[0].process;
        const size_t size = TARGET_SUBJECT_SIZE;

        if (options->container && options->pids.n == 0 && !options->pod)
                snprintf(ret, size, "container %s",
                         *first->container_name ? first->container_name : options->container);
        else if (options->pod && options->pids.n == 0 && !options->container)
                snprintf(ret, size, "pod %s", options->pod);
        else if (choice->n == 1)
                snprintf(ret, size, "process %d: %s", first->pid, first->cmdline);
        else
                snprintf(ret, size, "%zu processes", choice->n);
}
