/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set that is too large for one body is halved until its parts fit. A size is known only after encoding, and most
 * sets fit at once. The depth of the recursion is at most the number of bits of the numbers of profiles and stacks.
 */
#include "agent/format/format.h"
#include "agent/send/protocol.h"

#include <errno.h>
#include <stdlib.h>

/* ---- a part of a profile ------------------------------------------------- */

static int slice_sample(struct profile_map *map, const struct profile_sample *sample)
{
        profile_id stack, thread;
        int r = profile_map_stack(map, sample->stack, &stack);

        if (r == 0)
                r = profile_map_thread(map, sample->thread, &thread);
        return r < 0 ? r : profile_add(map->to, stack, thread, sample->state, sample->count, sample->nanoseconds);
}

static int slice_resource(struct profile *to, const struct profile *from)
{
        int r = 0;

        profile_set_settings(to, profile_settings(from));
        for (size_t i = 0; r == 0 && i < profile_attributes(from); i++) {
                const char *key, *value;

                profile_attribute_at(from, i, &key, &value);
                r = profile_set_attribute(to, key, value);
        }
        return r;
}

/* Makes a slice of a profile. The first slice has the counters, so that their sum stays the same. */
static int make_slice(const struct profile *from, size_t first, size_t n, struct profile **ret)
{
        struct profile *to = profile_new();
        struct profile_map map = { 0 };
        int r = to ? slice_resource(to, from) : -ENOMEM;

        if (r == 0)
                r = profile_map_init(&map, to, from);
        for (size_t i = first; r == 0 && i < first + n; i++)
                r = slice_sample(&map, profile_sample(from, i));
        if (r == 0 && first == 0)
                *profile_counters(to) = *profile_counters_of(from);
        profile_map_deinit(&map);
        if (r < 0) {
                profile_free(to);
                return r;
        }
        *ret = to;
        return 0;
}

/* ---- a part of a set ----------------------------------------------------- */

static int split_profile(const struct send_split *split, const struct profile *p)
{
        size_t n = profile_samples(p), half = n / 2;

        if (n < 2) {
                split->too_large(split->ctx);
                return 0;
        }
        for (size_t first = 0; first < n; first += half, half = n - half) {
                struct profile *part;
                int r = make_slice(p, first, half, &part);

                if (r < 0)
                        return r;
                const struct profile_set one = { .items = &part, .n = 1 };
                r = send_split(split, &one);
                profile_free(part);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int split_set(const struct send_split *split, const struct profile_set *set)
{
        const struct profile_set first = { .items = set->items, .n = set->n / 2 };
        const struct profile_set second = { .items = set->items + first.n, .n = set->n - first.n };
        int r;

        if (set->n == 1)
                return split_profile(split, set->items[0]);
        r = send_split(split, &first);
        return r < 0 ? r : send_split(split, &second);
}

int send_split(const struct send_split *split, const struct profile_set *set)
{
        struct send_body body;
        int r = set->n <= split->protocol->max_profiles ? split->protocol->encode(set, split->all_labels, &body)
                                                        : -EFBIG;

        if (r == -EFBIG)
                return split_set(split, set);
        if (r < 0 || !body.text)
                return r;
        r = split->body(split->ctx, &body);
        free(body.text);
        return r;
}
