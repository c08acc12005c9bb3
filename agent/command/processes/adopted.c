/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampler adds a copy of a sampled process by itself, at the first tick that meets the copy: see sampler_adopted().
 * Here follow takes in these copies. A copy that has ended by now gets the identity of the process that has forked it.
 */
#include "follow_internal.h"

/*
 * Finds the process that @pid is a copy of. If that one is not followed, any followed process will do: all are of one
 * family. NULL: no process is followed.
 */
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
