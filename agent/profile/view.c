/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile with fewer native frames. A frame that is left out leaves its time to its caller. So each sample stays, and
 * with it all counts and times.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
        [PROFILE_VIEW_ALL] = "nothing",
        [PROFILE_VIEW_FOLDED] = "internals",
        [PROFILE_VIEW_PYTHON] = "native",
};

const char *profile_view_hides(enum profile_view view)
{
        return names[view];
}

bool profile_view_parse(const char *name, enum profile_view *ret)
{
        for (size_t i = 0; i < PROFILE_VIEWS; i++)
                if (strcmp(name, names[i]) == 0) {
                        *ret = (enum profile_view)i;
                        return true;
                }
        return false;
}

bool profile_has_native(const struct profile *p)
{
        for (uint32_t id = 1; id <= p->functions.n; id++)
                if (profile_function(p, id)->kind != PROFILE_PYTHON)
                        return true;
        return false;
}

struct viewing {
        struct profile *to;
        const struct profile *from;
        bool *hidden; /* by function of @from */
        struct profile_map all;
        profile_id *stacks; /* of @to, by stack of @from; 0: not asked for yet */
        profile_id *path;   /* room for a stack of @from */
};

static int mark_hidden_functions(struct viewing *v, enum profile_view view)
{
        if (view == PROFILE_VIEW_FOLDED)
                return profile_find_internals(v->from, &v->hidden);
        v->hidden = calloc(v->from->functions.n + 1, sizeof(*v->hidden));
        for (uint32_t id = 1; v->hidden && view == PROFILE_VIEW_PYTHON && id <= v->from->functions.n; id++)
                v->hidden[id] = profile_function(v->from, id)->kind != PROFILE_PYTHON;
        return v->hidden ? 0 : -ENOMEM;
}

/* The stack of a thread of which nothing is left to be seen: the same as of one whose native code was not read. */
static int intern_bare_native(struct profile *to, profile_id *ret)
{
        profile_id function, frame;
        int r = profile_intern_function(to, PROFILE_NATIVE, "", 0, &function);

        if (r == 0)
                r = profile_intern_frame(to, function, 0, &frame);
        return r == 0 ? profile_intern_stack(to, &frame, 1, ret) : r;
}

static int view_stack(struct viewing *v, profile_id id)
{
        size_t n, kept = 0;
        const profile_id *frames = profile_stack(v->from, id, &n);
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                if (!v->hidden[profile_frame(v->from, frames[i])->function])
                        r = profile_map_frame(&v->all, frames[i], &v->path[kept++]);
        if (r < 0)
                return r;
        return kept > 0 ? profile_intern_stack(v->to, v->path, kept, &v->stacks[id])
                        : intern_bare_native(v->to, &v->stacks[id]);
}

static int view_sample(struct viewing *v, const struct profile_sample *sample)
{
        profile_id thread;
        int r = v->stacks[sample->stack] ? 0 : view_stack(v, sample->stack);

        if (r == 0)
                r = profile_map_thread(&v->all, sample->thread, &thread);
        if (r == 0)
                r = profile_add(v->to, v->stacks[sample->stack], thread, sample->state, sample->count,
                                sample->nanoseconds);
        return r;
}

static int fill_view(struct viewing *v, enum profile_view view)
{
        int r = profile_map_init(&v->all, v->to, v->from);

        if (r < 0)
                return r;
        v->stacks = v->all.stacks;
        v->path = v->all.path;
        r = mark_hidden_functions(v, view);
        for (size_t i = 0; r == 0 && i < v->from->samples.n; i++)
                r = view_sample(v, profile_sample(v->from, i));
        if (r == 0)
                r = profile_add_circumstances(v->to, v->from);
        free(v->hidden);
        profile_map_deinit(&v->all);
        return r;
}

int profile_view(const struct profile *from, enum profile_view view, struct profile **ret)
{
        struct viewing v = { .to = profile_new(), .from = from };
        int r = v.to ? fill_view(&v, view) : -ENOMEM;

        if (r == 0)
                *ret = v.to;
        else
                profile_free(v.to);
        return r;
}
