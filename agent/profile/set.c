/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of profiles. The array grows whenever its length is a power of two. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>

int profile_set_add(struct profile_set *set, struct profile *profile)
{
        if ((set->n & (set->n - 1)) == 0) {
                size_t capacity = set->n ? set->n * 2 : 1;
                struct profile **grown = realloc(set->items, capacity * sizeof(struct profile *));

                if (!grown)
                        return -ENOMEM;
                set->items = grown;
        }
        set->items[set->n++] = profile;
        return 0;
}

void profile_set_deinit(struct profile_set *set)
{
        for (size_t i = 0; i < set->n; i++)
                profile_free(set->items[i]);
        free(set->items);
        profile_texts_free(set->texts);
        *set = (struct profile_set){ 0 };
}
