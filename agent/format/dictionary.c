/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ids for many profiles. A profile without samples interns the functions, frames and stacks of all of them. A
 * map for each profile leads from its ids to the common ones.
 */
#include "dictionary.h"

#include <errno.h>
#include <stdlib.h>

static int add_profile_to_dictionary(struct dictionary *dictionary, const struct profile *p)
{
        struct profile_map map;
        int r = profile_map_init(&map, dictionary->all, p);

        if (r == 0)
                r = profile_map_all(&map, false);
        if (r == 0) {
                dictionary->stacks[dictionary->n++] = map.stacks;
                map.stacks = NULL;
        }
        profile_map_deinit(&map);
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
                r = add_profile_to_dictionary(dictionary, set->items[i]);
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
