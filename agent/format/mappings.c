/* SPDX-License-Identifier: Apache-2.0 */
/* Functions in the order of their files. Each file and build id that differs from the one before it is a mapping. */
#include "mappings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_file(const void *a, const void *b, void *ctx)
{
        const struct profile *p = *(const struct profile *const *)ctx;
        const struct profile_function *x = profile_function(p, *(const profile_id *)a);
        const struct profile_function *y = profile_function(p, *(const profile_id *)b);
        int r = strcmp(x->file, y->file);

        return r ? r : strcmp(x->build_id, y->build_id);
}

static size_t list_native_functions(const struct profile *p, profile_id *ret)
{
        size_t n = 0;

        for (size_t id = 1; id <= profile_functions(p); id++)
                if (profile_function(p, (profile_id)id)->kind != PROFILE_PYTHON)
                        ret[n++] = (profile_id)id;
        if (n > 1)
                qsort_r(ret, n, sizeof(*ret), by_file, &p);
        return n;
}

static void number_mappings(struct mappings *mappings, const struct profile *p, const profile_id *natives, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct profile_function *f = profile_function(p, natives[i]);

                if (i == 0 || by_file(&natives[i - 1], &natives[i], &p) != 0)
                        mappings->items[mappings->n++] = (struct mapping){ f->file, f->build_id, true };
                mappings->of_function[natives[i]] = (uint32_t)mappings->n;
        }
        for (size_t id = 1; id <= profile_frames(p); id++) {
                uint32_t mapping = mappings->of_function[profile_frame(p, (profile_id)id)->function];

                if (mapping && !profile_frame_is_named(p, (profile_id)id))
                        mappings->items[mapping - 1].named = false;
        }
}

int mappings_init(struct mappings *mappings, const struct profile *p)
{
        size_t n = profile_functions(p);
        profile_id *natives = calloc(n + 1, sizeof(*natives));

        *mappings = (struct mappings){
                .items = calloc(n + 1, sizeof(*mappings->items)),
                .of_function = calloc(n + 1, sizeof(*mappings->of_function)),
        };
        if (!natives || !mappings->items || !mappings->of_function) {
                free(natives);
                mappings_deinit(mappings);
                return -ENOMEM;
        }
        number_mappings(mappings, p, natives, list_native_functions(p, natives));
        free(natives);
        return 0;
}

void mappings_deinit(struct mappings *mappings)
{
        free(mappings->items);
        free(mappings->of_function);
        *mappings = (struct mappings){ 0 };
}
