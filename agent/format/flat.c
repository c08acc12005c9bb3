/* SPDX-License-Identifier: Apache-2.0 */
/* One profile of a set, for formats that share frames and stacks among all that they write. */
#include "flat.h"

#include "walk.h"

#include <errno.h>
#include <stdlib.h>

struct flattening {
        struct flat *flat;
        profile_id *ids; /* room for a stack, leaf first */
        size_t capacity;
};

static int reserve_ids(struct flattening *f, size_t n)
{
        if (n <= f->capacity)
                return 0;
        profile_id *ids = reallocarray(f->ids, n, sizeof(*ids));

        if (!ids)
                return -ENOMEM;
        f->ids = ids;
        f->capacity = n;
        return 0;
}

static int intern_walk_frame(struct profile *p, const struct walk_frame *frame, profile_id *ret)
{
        const struct profile_function function = {
                .name = frame->name, .file = frame->file, .first_line = frame->first_line, .kind = frame->kind
        };
        profile_id id;
        int r = profile_copy_function(p, &function, &id);

        return r < 0 ? r : profile_copy_frame(p, &(struct profile_frame){ .function = id, .line = frame->line }, ret);
}

static int add_flat_stack(void *ctx, const struct walk_stack *stack)
{
        struct flattening *f = ctx;
        struct profile *p = f->flat->profile;
        profile_id id;
        int r = reserve_ids(f, stack->n);

        for (size_t i = 0; r == 0 && i < stack->n; i++)
                r = intern_walk_frame(p, &stack->frames[i], &f->ids[stack->n - 1 - i]);
        if (r == 0)
                r = profile_intern_stack(p, f->ids, stack->n, &id);
        if (r == 0)
                r = profile_add(p, id, 0, PROFILE_RUNNING, stack->count, stack->nanoseconds);
        if (stack->nanoseconds == 0)
                f->flat->timed = false;
        return r;
}

int flat_init(struct flat *flat, const struct profile_set *set)
{
        struct flattening f = { .flat = flat };

        *flat = (struct flat){ .profile = profile_new(), .timed = true };
        int r = flat->profile ? walk_samples(set, add_flat_stack, &f) : -ENOMEM;

        free(f.ids);
        if (r)
                flat_deinit(flat);
        return r;
}

void flat_deinit(struct flat *flat)
{
        profile_free(flat->profile);
        *flat = (struct flat){ 0 };
}
