/* SPDX-License-Identifier: Apache-2.0 */
/* From samples of GILs to a profile of who keeps others waiting. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>

/* The stacks that stand for what nobody is blamed for. */
static const char *const nobodies[] = {
        [PROFILE_GIL_HELD] = "(no Python)",
        [PROFILE_GIL_UNTOLD] = "(unknown holder)",
        [PROFILE_GIL_FREE] = "(nobody)",
};

static int intern_bare_stack(struct profile *to, const char *name, profile_id *ret)
{
        profile_id function, frame;
        int r = profile_intern_function(to, name, "", 0, &function);

        if (r == 0)
                r = profile_intern_frame(to, function, 0, &frame);
        return r == 0 ? profile_intern_stack(to, &frame, 1, ret) : r;
}

/* The same stack in another profile. */
static int copy_stack(struct profile *to, const struct profile *from, const profile_id *frames, size_t n,
                      profile_id *ret)
{
        profile_id *copies = calloc(n, sizeof *copies);
        int r = copies ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n; i++) {
                struct profile_frame frame = *profile_frame(from, frames[i]);
                r = profile_copy_function(to, profile_function(from, frame.function), &frame.function);
                if (r == 0)
                        r = profile_copy_frame(to, &frame, &copies[i]);
        }
        if (r == 0)
                r = profile_intern_stack(to, copies, n, ret);
        free(copies);
        return r;
}

static int copy_thread(struct profile *to, const struct profile *from, profile_id thread, profile_id *ret)
{
        const char *name;
        uint64_t tid;

        *ret = 0;
        if (!thread)
                return 0;
        profile_thread(from, thread, &tid, &name);
        return profile_intern_thread(to, tid, name, ret);
}

static int blame_sample(struct profile *to, const struct profile *from, const struct profile_sample *sample,
                        bool threads)
{
        size_t n;
        const profile_id *frames = profile_stack(from, sample->stack, &n);
        profile_id stack, thread;
        uint64_t waiters;

        if (n == 0)
                return 0;
        enum profile_gil gil = profile_gil_read(profile_function(from, profile_frame(from, frames[0])->function),
                                                &waiters);
        if (gil == PROFILE_GIL_NONE || gil == PROFILE_GIL_MISSING || waiters == 0 ||
            waiters == PROFILE_GIL_WAITERS_UNKNOWN)
                return 0;
        int r = n > 1 ? copy_stack(to, from, frames + 1, n - 1, &stack) : intern_bare_stack(to, nobodies[gil], &stack);
        if (r == 0)
                r = copy_thread(to, from, threads ? sample->thread : 0, &thread);
        if (r == 0)
                r = profile_add(to, stack, thread, PROFILE_RUNNING, sample->count * waiters,
                                sample->nanoseconds * waiters);
        return r;
}

static int copy_circumstances(struct profile *to, const struct profile *from)
{
        const struct profile_counters *c = profile_counters_of(from);
        struct profile_settings settings = *profile_settings(from);
        const char *key, *value;
        int r = 0;

        settings.mode = PROFILE_MODE_BLAME;
        profile_set_settings(to, &settings);
        *profile_counters(to) = (struct profile_counters){ .ticks = c->ticks,
                                                           .ok = c->ok,
                                                           .retried = c->retried,
                                                           .torn = c->torn,
                                                           .late = c->late,
                                                           .gone = c->gone,
                                                           .failed = c->failed,
                                                           .mixed = c->mixed,
                                                           .unmerged = c->unmerged };
        for (size_t i = 0; r == 0 && i < profile_attributes(from); i++) {
                profile_attribute_at(from, i, &key, &value);
                r = profile_set_attribute(to, key, value);
        }
        return r;
}

int profile_blame(const struct profile *from, bool threads, struct profile **ret)
{
        struct profile *to = profile_new();
        int r = to ? copy_circumstances(to, from) : -ENOMEM;

        for (size_t i = 0; r == 0 && i < profile_samples(from); i++)
                r = blame_sample(to, from, profile_sample(from, i), threads);
        if (r == 0)
                *ret = to;
        else
                profile_free(to);
        return r;
}
