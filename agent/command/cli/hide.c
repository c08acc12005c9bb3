/* SPDX-License-Identifier: Apache-2.0 */
#include "hide.h"

#include "messages.h"

int hide_parse(const struct usage *usage, const char *word, enum profile_view *ret)
{
        if (profile_view_parse(word, ret))
                return GO_ON;
        return options_wrong(usage, "--hide: '%s' is none of internals, native, nothing", word);
}

int hide_frames(struct profile_set *set, enum profile_view view)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < set->n; i++) {
                struct profile *shown;

                if (view == PROFILE_VIEW_ALL || !profile_has_native(set->items[i]))
                        continue;
                r = profile_view(set->items[i], view, &shown);
                if (r == 0) {
                        profile_free(set->items[i]);
                        set->items[i] = shown;
                }
        }
        return r;
}
