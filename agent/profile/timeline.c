/* SPDX-License-Identifier: Apache-2.0 */
/* The timeline: an array of moments that doubles up to its bound. */
#include "internal.h"

#include <stdlib.h>

#define MOMENTS_FIRST 1024

void profile_keep_timeline(struct profile *p, size_t bytes)
{
        p->timeline.max = bytes / sizeof(struct profile_moment);
}

bool profile_has_timeline(const struct profile *p)
{
        return p->timeline.max > 0;
}

static bool make_room_for_moment(struct timeline *t)
{
        size_t capacity = t->capacity ? 2 * t->capacity : MOMENTS_FIRST;

        if (t->n < t->capacity)
                return true;
        if (capacity > t->max)
                capacity = t->max;
        if (capacity <= t->n)
                return false;
        struct profile_moment *moments = reallocarray(t->moments, capacity, sizeof(*moments));

        if (!moments)
                return false;
        t->moments = moments;
        t->capacity = capacity;
        return true;
}

void profile_add_moment(struct profile *p, const struct profile_moment *moment)
{
        struct timeline *t = &p->timeline;

        if (t->max == 0)
                return;
        if (make_room_for_moment(t))
                t->moments[t->n++] = *moment;
        else
                t->dropped += moment->count;
}

void profile_lose_moment(struct profile *p, const struct profile_moment *moment)
{
        p->timeline.dropped += moment->count;
}

const struct profile_moment *profile_moments(const struct profile *p, size_t *ret_n, uint64_t *ret_dropped)
{
        *ret_n = p->timeline.n;
        *ret_dropped = p->timeline.dropped;
        return p->timeline.moments;
}

void profile_timeline_settle(struct profile *p, const struct profile_marks *marks)
{
        struct timeline *t = &p->timeline;
        size_t kept = t->settled;

        for (size_t i = t->settled; i < t->n; i++) {
                struct profile_moment moment = t->moments[i];

                moment.stack = profile_settled_stack(p, moment.stack, moment.mark, marks);
                moment.mark = 0;
                if (moment.stack)
                        t->moments[kept++] = moment;
        }
        t->n = t->settled = kept;
}

void profile_timeline_deinit(struct profile *p)
{
        free(p->timeline.moments);
        p->timeline = (struct timeline){ 0 };
}
