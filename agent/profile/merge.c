/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding one profile to another: everything of the source is interned once, in
 * the order functions, frames, stacks, threads, and the old ids are translated
 * through arrays. Linear in the size of the source.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* For each kind, the id in the target of an id (less one) of the source. */
struct maps {
        profile_id *functions;
        profile_id *frames;
        profile_id *stacks;
        profile_id *threads; /* NULL: threads are not kept */
};

static profile_id *new_map(size_t n)
{
        return calloc(n ? n : 1, sizeof(profile_id));
}

static int map_functions(struct profile *to, const struct profile *from, struct maps *maps)
{
        maps->functions = new_map(from->functions.n);
        if (!maps->functions)
                return -ENOMEM;
        for (uint32_t id = 1; id <= from->functions.n; id++) {
                const struct profile_function *f = profile_function(from, id);
                int r = profile_intern_function(to, f->name, f->file, f->first_line, &maps->functions[id - 1]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int map_frames(struct profile *to, const struct profile *from, struct maps *maps)
{
        maps->frames = new_map(from->frames.n);
        if (!maps->frames)
                return -ENOMEM;
        for (uint32_t id = 1; id <= from->frames.n; id++) {
                const struct profile_frame *frame = profile_frame(from, id);
                int r = profile_intern_frame(to, maps->functions[frame->function - 1], frame->line,
                                             &maps->frames[id - 1]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static size_t deepest(const struct profile *p)
{
        size_t most = 0;

        for (uint32_t id = 1; id <= p->stacks.n; id++) {
                size_t n;

                profile_stack(p, id, &n);
                most = n > most ? n : most;
        }
        return most;
}

static int map_stacks(struct profile *to, const struct profile *from, struct maps *maps)
{
        profile_id *translated = new_map(deepest(from));
        int r = 0;

        maps->stacks = new_map(from->stacks.n);
        if (!maps->stacks || !translated)
                r = -ENOMEM;
        for (uint32_t id = 1; r == 0 && id <= from->stacks.n; id++) {
                size_t n;
                const profile_id *frames = profile_stack(from, id, &n);

                for (size_t i = 0; i < n; i++)
                        translated[i] = maps->frames[frames[i] - 1];
                r = profile_intern_stack(to, translated, n, &maps->stacks[id - 1]);
        }
        free(translated);
        return r;
}

static int map_threads(struct profile *to, const struct profile *from, struct maps *maps)
{
        maps->threads = new_map(from->threads.n);
        if (!maps->threads)
                return -ENOMEM;
        for (uint32_t id = 1; id <= from->threads.n; id++) {
                uint64_t tid;
                const char *name;

                profile_thread(from, id, &tid, &name);

                int r = profile_intern_thread(to, tid, name, &maps->threads[id - 1]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int map_all(struct profile *to, const struct profile *from, bool keep_threads, struct maps *maps)
{
        int r = map_functions(to, from, maps);

        if (r == 0)
                r = map_frames(to, from, maps);
        if (r == 0)
                r = map_stacks(to, from, maps);
        if (r == 0 && keep_threads)
                r = map_threads(to, from, maps);
        return r;
}

static int add_samples(struct profile *to, const struct profile *from, const struct maps *maps)
{
        for (size_t i = 0; i < from->samples.n; i++) {
                const struct profile_sample *sample = profile_sample(from, i);
                profile_id thread = sample->thread && maps->threads ? maps->threads[sample->thread - 1] : 0;
                int r = profile_add(to, maps->stacks[sample->stack - 1], thread, sample->state, sample->count,
                                    sample->nanoseconds);

                if (r < 0)
                        return r;
        }
        return 0;
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

/* The span that covers both; a start of 0 is none. */
static void unite_spans(struct profile_settings *to, const struct profile_settings *from)
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
        unite_spans(&to->settings, &from->settings);
}

int profile_merge(struct profile *to, const struct profile *from, bool keep_threads)
{
        struct maps maps = {0};
        int r;

        if (to == from)
                return -EINVAL;

        r = map_all(to, from, keep_threads, &maps);
        if (r == 0)
                r = add_samples(to, from, &maps);
        if (r == 0)
                r = add_attributes(to, from);
        if (r == 0) {
                profile_counters_add(&to->counters, &from->counters);
                add_settings(to, from);
        }
        free(maps.functions);
        free(maps.frames);
        free(maps.stacks);
        free(maps.threads);
        return r;
}
