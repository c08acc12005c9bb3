/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of processes that are sampled, which the sampler has added by the first tick that
 * met them. They may have ended by now: then they have the identity of who has forked them.
 */
#include "follow_internal.h"

/* Whom it is a copy of, or anybody: all are of one family. NULL: nobody is left. */
static const struct find_process *original_of_copy(const struct follow *f, pid_t pid)
{
        const struct followed *item = follow_get(f, kinship_parent(f->kinship, pid));

        item = item ? item : followed_of(f->list.items);
        return item ? &item->watched.process : NULL;
}

static int keep_ended(struct follow *f, const struct sample_target *target, const struct find_process *process)
{
        struct profile *profile;
        int e = sampler_remove(f->config.sampler, target, &profile);

        if (e != 0)
                return e < 0 ? e : 0;
        kinship_opened(f->kinship, process->pid);
        kinship_booked(f->kinship, process->pid, profile);
        kinship_stopped(f->kinship, process->pid);
        return follow_keep(f, process, profile);
}

static int take_adopted(struct follow *f, const struct sample_target *target)
{
        pid_t pid = target->pid;
        const struct followed how = { .adopted = true };
        const struct find_process *original = original_of_copy(f, pid);
        struct find_process process = { .pid = pid };
        struct followed *item = NULL;
        int e = 0;

        if (follow_get(f, pid))
                return 0;
        if (find_identify(f->config.find, pid, &process) == 0 && process.start_time == target->start_time)
                e = follow_begin(f, &process, &how, 0, &item);
        else if (original)
                process = *original;
        process.pid = pid;
        if (original)
                process.info = original->info;
        if (e < 0 || !item)
                return e < 0 ? e : keep_ended(f, target, &process);
        item->watched.process = process;
        watched_note_sampled(&f->list, &item->watched, target);
        follow_note_sampled(f, item);
        return 0;
}

int adopted_take(struct follow *f)
{
        struct sample_target target;
        int e = 0;

        while (e == 0 && sampler_adopted(f->config.sampler, &target))
                e = take_adopted(f, &target);
        return e;
}

void adopted_executed(struct follow *f, pid_t pid)
{
        struct followed *item = follow_get(f, pid);

        if (!item || !item->adopted)
                return;
        int e = follow_end(f, item);
        f->error = f->error ? f->error : e;
}
