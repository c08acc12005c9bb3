/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One numbering for many profiles: an empty profile interns what each of them
 * holds, and a map per profile leads from its ids to the common ones.
 */
#include "dictionary.h"

#include <errno.h>
#include <stdlib.h>

/* By id; 0 stays 0. */
struct maps {
        profile_id *functions;
        profile_id *frames;
        profile_id *buffer; /* one stack */
        size_t capacity;
};

static int map_functions(struct profile *all, const struct profile *p, profile_id *map)
{
        for (size_t i = 1; i <= profile_functions(p); i++) {
                const struct profile_function *f = profile_function(p, (profile_id)i);

                int r = profile_intern_function(all, f->name, f->file, f->first_line, &map[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int map_frames(struct profile *all, const struct profile *p, const profile_id *functions, profile_id *map)
{
        for (size_t i = 1; i <= profile_frames(p); i++) {
                const struct profile_frame *frame = profile_frame(p, (profile_id)i);

                int r = profile_intern_frame(all, functions[frame->function], frame->line, &map[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_room(struct maps *maps, size_t n)
{
        if (n <= maps->capacity)
                return 0;
        profile_id *buffer = reallocarray(maps->buffer, n, sizeof(*buffer));
        if (!buffer)
                return -ENOMEM;
        maps->buffer = buffer;
        maps->capacity = n;
        return 0;
}

static int map_stacks(struct profile *all, const struct profile *p, struct maps *maps, profile_id *map)
{
        for (size_t i = 1; i <= profile_stacks(p); i++) {
                size_t n;
                const profile_id *stack = profile_stack(p, (profile_id)i, &n);

                if (make_room(maps, n))
                        return -ENOMEM;
                for (size_t k = 0; k < n; k++)
                        maps->buffer[k] = maps->frames[stack[k]];

                int r = profile_intern_stack(all, maps->buffer, n, &map[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int add(struct dictionary *dictionary, const struct profile *p)
{
        struct maps maps = {
                .functions = calloc(profile_functions(p) + 1, sizeof(profile_id)),
                .frames = calloc(profile_frames(p) + 1, sizeof(profile_id)),
        };
        profile_id *stacks = calloc(profile_stacks(p) + 1, sizeof(profile_id));
        int r = maps.functions && maps.frames && stacks ? 0 : -ENOMEM;

        if (r == 0)
                r = map_functions(dictionary->all, p, maps.functions);
        if (r == 0)
                r = map_frames(dictionary->all, p, maps.functions, maps.frames);
        if (r == 0)
                r = map_stacks(dictionary->all, p, &maps, stacks);
        free(maps.functions);
        free(maps.frames);
        free(maps.buffer);
        dictionary->stacks[dictionary->n++] = stacks;
        return r;
}

int dictionary_init(struct dictionary *dictionary, const struct profile_set *set)
{
        int r = 0;

        *dictionary = (struct dictionary){
                .all = profile_new(),
                .stacks = calloc(set->n + 1, sizeof(profile_id *)),
        };
        if (!dictionary->all || !dictionary->stacks)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < set->n; i++)
                r = add(dictionary, set->items[i]);
        if (r)
                dictionary_deinit(dictionary);
        return r;
}

void dictionary_deinit(struct dictionary *dictionary)
{
        for (size_t i = 0; i < dictionary->n; i++)
                free(dictionary->stacks[i]);
        free(dictionary->stacks);
        profile_free(dictionary->all);
        *dictionary = (struct dictionary){ 0 };
}
