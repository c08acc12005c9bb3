/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes that are watched. Adds them to the samplers, and removes them from these. */
#include "watched.h"

#include <errno.h>

struct watched *watched_get(const struct watch_list *list, pid_t pid)
{
        struct watched *w;

        HASH_FIND_INT(list->items, &pid, w);
        return w;
}

void watched_name(const struct watch_list *list, const struct find_process *process)
{
        struct watched *w = watched_get(list, process->pid);

        if (w && w->process.start_time == process->start_time)
                find_take_names(&w->process, process);
}

int watched_insert(struct watch_list *list, struct watched *w)
{
        w->pid = w->process.pid;
        HASH_ADD_INT(list->items, pid, w);
        return w->hh.tbl ? 0 : -ENOMEM;
}

void watched_remove(struct watch_list *list, struct watched *w)
{
        HASH_DEL(list->items, w);
}

bool watched_is_sampled(const struct watched *w)
{
        return w->target.pid != 0;
}

void watched_say_exceptions(struct watch_list *list, struct watched *w)
{
        for (size_t i = 0; watched_is_sampled(w) && i < list->n_samplers; i++)
                sampling_say_exceptions(list->samplers[i], &w->target, &w->said);
}

void watched_note_sampled(struct watch_list *list, struct watched *w, const struct sample_target *target)
{
        w->target = *target;
        list->n_sampled++;
}

/* ---- in every sampler ---------------------------------------------------------------------- */

/* A struct pystack is for one thread at a time, so each sampler gets its own. @py is consumed. 0 or -ENOMEM. */
static int open_for_each_sampler(const struct watch_list *list, struct pystack *py, struct pystack *ret[])
{
        int e = 0;

        ret[0] = py;
        for (size_t i = 1; i < list->n_samplers; i++)
                if ((e = pystack_again(py, &ret[i])) != 0) {
                        while (i > 0)
                                pystack_close(ret[--i]);
                        break;
                }
        return e;
}

/* Takes the process out of a sampler again. What was sampled meanwhile is lost. */
static void remove_from_sampler(struct sampler *sampler, const struct sample_target *target)
{
        struct profile *profile = NULL;

        sampler_remove(sampler, target, &profile);
        profile_free(profile);
}

/*
 * Adds the process to a sampler. @py is consumed. @target is the process if another sampler has it already, and is set
 * otherwise. 0, -ESRCH if that PID is another process's by now, or an error of sampler_add().
 */
static int add_to_sampler(struct sampler *sampler, const struct find_process *process, struct pystack *py,
                          struct sample_target *target)
{
        struct sample_target added;
        int e = process->python_only ? sampler_add_python_only(sampler, process->pid, py, &added)
                                     : sampler_add(sampler, process->pid, py, &added);

        if (e != 0)
                pystack_close(py);
        if (e != 0 && e != -EEXIST) /* the sampler has adopted it a moment ago */
                return e;
        if (target->pid != 0 && added.start_time != target->start_time) {
                remove_from_sampler(sampler, &added);
                return -ESRCH;
        }
        *target = added;
        return 0;
}

int watched_sample(struct watch_list *list, struct watched *w, struct pystack *py)
{
        struct pystack *opened[WATCHED_SAMPLERS_MAX];
        struct sample_target target = { 0 };
        size_t added = 0;
        int e = open_for_each_sampler(list, py, opened);

        if (e != 0)
                return e;
        while (e == 0 && added < list->n_samplers) {
                e = add_to_sampler(list->samplers[added], &w->process, opened[added], &target);
                added += e == 0;
        }
        if (e == 0) {
                watched_note_sampled(list, w, &target);
                return 0;
        }
        for (size_t i = added + 1; i < list->n_samplers; i++)
                pystack_close(opened[i]);
        while (added > 0)
                remove_from_sampler(list->samplers[--added], &target);
        return e;
}

static int take_from_each(struct watch_list *list, const struct sample_target *target,
                          int (*take)(struct sampler *, const struct sample_target *, struct profile **),
                          struct profile *ret[])
{
        int first = 0;

        for (size_t i = 0; i < list->n_samplers; i++) {
                ret[i] = NULL;
                int e = take(list->samplers[i], target, &ret[i]);
                if (first == 0)
                        first = e;
        }
        return first;
}

int watched_take(struct watch_list *list, struct watched *w, struct profile *ret[])
{
        return take_from_each(list, &w->target, sampler_take, ret);
}

int watched_stop(struct watch_list *list, struct watched *w, struct profile *ret[])
{
        int e = take_from_each(list, &w->target, sampler_remove, ret);

        w->target = (struct sample_target){ 0 };
        list->n_sampled--;
        return e;
}
