/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes that are watched. Adds them to the sampler, and removes them from it. */
#include "watched.h"

#include <errno.h>

struct watched *watched_get(const struct watch_list *list, pid_t pid)
{
        struct watched *w;

        HASH_FIND_INT(list->items, &pid, w);
        return w;
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
        if (watched_is_sampled(w))
                sampling_say_exceptions(list->sampler, &w->target, &w->said);
}

void watched_note_sampled(struct watch_list *list, struct watched *w, const struct sample_target *target)
{
        w->target = *target;
        list->n_sampled++;
}

int watched_sample(struct watch_list *list, struct watched *w, struct pystack *py)
{
        struct sample_target target;
        int e = sampler_add(list->sampler, w->pid, py, &target);

        if (e != 0)
                pystack_close(py);
        if (e != 0 && e != -EEXIST) /* the sampler has adopted it a moment ago */
                return e;
        watched_note_sampled(list, w, &target);
        return 0;
}

int watched_take(struct watch_list *list, struct watched *w, struct profile **ret)
{
        return sampler_take(list->sampler, &w->target, ret);
}

int watched_stop(struct watch_list *list, struct watched *w, struct profile **ret)
{
        int e = sampler_remove(list->sampler, &w->target, ret);

        w->target = (struct sample_target){ 0 };
        list->n_sampled--;
        return e;
}
