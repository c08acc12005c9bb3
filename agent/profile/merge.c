/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding one profile to another. All functions, frames, stacks and threads of the source are interned once, in this
 * order. The time is linear in the size of the source.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

static int add_samples(struct profile_map *map, bool keep_threads)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < map->from->samples.n; i++) {
                const struct profile_sample *sample = profile_sample(map->from, i);
                profile_id stack, thread = 0;

                r = profile_map_stack(map, sample->stack, &stack);
                if (r == 0 && keep_threads)
                        r = profile_map_thread(map, sample->thread, &thread);
                if (r == 0)
                        r = profile_add(map->to, stack, thread, sample->state, sample->count, sample->nanoseconds);
        }
        return r;
}

static int add_attributes(struct profile *to, const struct profile *from)
{
        for (size_t i = 0; i < from->attributes_n; i++) {
                const struct attribute *attribute = &from->attributes[i];

                if (profile_attribute(to, attribute->key))
                        continue;

                int r = profile_set_attribute(to, attribute->key, attribute->value);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Extends @to's time so that it covers @from's as well. A start of 0 means that the time is not known. */
static void unite_times(struct profile_settings *to, const struct profile_settings *from)
{
        if (from->start_ns == 0 || to->start_ns == 0) {
                to->start_ns = to->start_ns ? to->start_ns : from->start_ns;
                if (to->duration_ns < from->duration_ns)
                        to->duration_ns = from->duration_ns;
                return;
        }

        uint64_t to_end = to->start_ns + to->duration_ns;
        uint64_t from_end = from->start_ns + from->duration_ns;

        if (from->start_ns < to->start_ns)
                to->start_ns = from->start_ns;
        to->duration_ns = (from_end > to_end ? from_end : to_end) - to->start_ns;
}

static void add_settings(struct profile *to, const struct profile *from)
{
        if (!from->have_settings)
                return;
        if (!to->have_settings) {
                profile_set_settings(to, &from->settings);
                return;
        }
        if (to->settings.period_ns == 0)
                to->settings.period_ns = from->settings.period_ns;
        if (!to->settings.engine)
                to->settings.engine = from->settings.engine;
        unite_times(&to->settings, &from->settings);
}

int profile_add_circumstances(struct profile *to, const struct profile *from)
{
        int r = add_attributes(to, from);

        if (r == 0) {
                profile_counters_add(&to->counters, &from->counters);
                add_settings(to, from);
        }
        return r;
}

int profile_merge(struct profile *to, const struct profile *from, bool keep_threads)
{
        struct profile_map map;
        int r;

        if (to == from)
                return -EINVAL;

        r = profile_map_init(&map, to, from);
        if (r == 0)
                r = profile_map_all(&map, keep_threads);
        if (r == 0)
                r = add_samples(&map, keep_threads);
        if (r == 0)
                r = profile_add_circumstances(to, from);
        profile_map_deinit(&map);
        return r;
}
