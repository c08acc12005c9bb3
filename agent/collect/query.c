/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is made in two passes. First slices are added up by stack id (sums.c). Then each distinct stack is read
 * once and becomes part of a profile.
 *
 * References that lead nowhere (in a damaged database) are left out, and the page does not fail.
 */
#include "agent/collect/query.h"
#include "agent/collect/pack.h"
#include "agent/collect/sums.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most frames of a stack: more than any recursion limit seen in practice. */
#define STACK_MAX 65536

/* A function of the store, and its id in the profile that is being made. */
struct local {
        int64_t id;
        profile_id function;
        bool lost;
        UT_hash_handle hh;
};

struct making {
        struct store *store;
        const struct collect_query *query;
        const struct asked *asked;
        struct sums sums;
        uint64_t threshold; /* smaller sums are cut off */

        struct profile *profile; /* the profile of the current part */
        struct local *locals;
        profile_id *frames; /* STACK_MAX */
};

/* ---- stacks --------------------------------------------------------------- */

static int add_local(struct making *making, int64_t id, const struct profile_function *function, struct local **ret)
{
        struct local *local = calloc(1, sizeof(*local));
        int r = local ? profile_copy_function(making->profile, function, &local->function) : -ENOMEM;

        if (r == 0) {
                local->id = id;
                HASH_ADD(hh, making->locals, id, sizeof(local->id), local);
                r = local->lost ? -ENOMEM : 0;
        }
        if (r < 0)
                free(local);
        else
                *ret = local;
        return r;
}

/* Finds a function. -ENOENT if there is none. */
static int get_local_function(struct making *making, int64_t id, profile_id *ret)
{
        struct profile_function function;
        struct local *local;

        HASH_FIND(hh, making->locals, &id, sizeof(id), local);
        if (!local) {
                int r = store_read_function(making->store, id, &function);

                if (r == 0)
                        r = add_local(making, id, &function, &local);
                if (r < 0)
                        return r;
        }
        *ret = local->function;
        return 0;
}

static void forget_locals(struct making *making)
{
        struct local *local, *next;

        HASH_ITER(hh, making->locals, local, next) {
                HASH_DEL(making->locals, local);
                free(local);
        }
}

/* @place: the line of Python, or the address of native code. */
static int intern_stored_frame(struct profile *profile, profile_id function, uint64_t place, profile_id *ret)
{
        struct profile_frame frame = { .function = function };

        if (profile_function(profile, function)->kind == PROFILE_PYTHON)
                frame.line = (uint32_t)place;
        else
                frame.address = place;
        return profile_copy_frame(profile, &frame, ret);
}

static int read_frames(struct making *making, int64_t stack, size_t *ret_n)
{
        const void *packed;
        size_t len, n = 0;
        int r = store_read_stack(making->store, stack, &packed, &len);

        if (r < 0)
                return r;
        struct unpack in = collect_unpack_begin(packed, len);
        while (in.at < in.end && n < STACK_MAX) {
                int64_t id = (int64_t)collect_unpack(&in);
                uint64_t place = collect_unpack(&in);
                profile_id function;

                r = in.failed ? -ENOENT : get_local_function(making, id, &function);
                if (r == 0)
                        r = intern_stored_frame(making->profile, function, place, &making->frames[n++]);
                if (r < 0)
                        return r;
        }
        *ret_n = n;
        return n > 0 ? 0 : -ENOENT;
}

static int make_rest_frames(struct making *making, size_t *ret_n)
{
        profile_id function;
        int r = profile_intern_function(making->profile, COLLECT_REST, "", 0, &function);

        *ret_n = 1;
        return r < 0 ? r : profile_intern_frame(making->profile, function, 0, &making->frames[0]);
}

static int add_sum(struct making *making, const struct sum *sum)
{
        profile_id stack;
        size_t n;
        int r = sum->count < making->threshold ? make_rest_frames(making, &n) : read_frames(making, sum_stack(sum), &n);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = profile_intern_stack(making->profile, making->frames, n, &stack);
        return r < 0 ? r : profile_add(making->profile, stack, 0, sum_state(sum), sum->count, sum->ns);
}

/* ---- profiles ------------------------------------------------------------- */

static int describe_profile(struct making *making, int64_t series)
{
        const struct store_range *range = &making->asked->range;
        struct profile_settings settings = {
                .mode = making->asked->mode,
                .start_ns = (uint64_t)range->from_ns,
                .duration_ns = (uint64_t)(range->to_ns - range->from_ns),
        };
        const struct asked_series *known = series ? collect_asked_find(making->asked, series) : NULL;
        const struct asked_sum sum = known ? known->by[making->asked->mode] : collect_asked_sum(making->asked);
        const char *attributes;
        int r;

        /* Parts of a range have no books of their own. */
        if (making->query->runs <= 1)
                profile_counters_add(profile_counters(making->profile), &sum.books.counters);
        settings.period_ns = sum.books.period_ns;
        profile_set_settings(making->profile, &settings);
        if (!series)
                return 0;
        r = store_read_series(making->store, series, &attributes);
        return r < 0 ? r : collect_json_restore(attributes, making->profile);
}

static int make_profile(struct making *making, struct part *part, struct profile_set *set)
{
        int r;

        making->profile = profile_new();
        if (!making->profile)
                return -ENOMEM;
        r = describe_profile(making, making->query->apart ? part->id : 0);
        /* In the order of their ids, stacks are read from the store one behind the other. */
        collect_sums_sort(part);
        for (size_t i = 0; r == 0 && i < part->n; i++)
                r = add_sum(making, &part->sums[i]);
        forget_locals(making);
        if (r == -ENOSPC)
                r = -ENOMEM; /* a profile is full, not the store */
        if (r == 0)
                r = profile_set_add(set, making->profile);
        if (r < 0)
                profile_free(making->profile);
        return r;
}

static int make_profiles(struct making *making, struct profile_set *set)
{
        struct part *part, *next;
        int r = 0;

        if (making->query->stacks_max > 0)
                r = collect_sums_threshold(&making->sums, making->query->stacks_max, &making->threshold);
        HASH_ITER(hh, making->sums.parts, part, next) {
                if (r == 0)
                        r = make_profile(making, part, set);
        }
        return r;
}

/* ---- a query ------------------------------------------------------------- */

/* The part that a slice belongs to. */
static int64_t part_of(const struct making *making, const struct store_slice *slice)
{
        const struct store_range *range = &making->asked->range;
        double at = (double)(slice->start_ns - range->from_ns) / (double)(range->to_ns - range->from_ns);

        if (making->query->apart)
                return slice->series;
        return making->query->runs > 0 ? (int64_t)(at * making->query->runs) : 0;
}

static int add_slice(void *ctx, const struct store_slice *slice)
{
        struct making *making = ctx;

        return collect_sums_add(&making->sums, slice, part_of(making, slice));
}

static void sum_samples(const struct profile_set *set, struct collect_meta *meta)
{
        for (size_t i = 0; i < set->n; i++) {
                for (size_t j = 0; j < profile_samples(set->items[i]); j++) {
                        const struct profile_sample *sample = profile_sample(set->items[i], j);
                        meta->samples += sample->count;
                        meta->ns += sample->nanoseconds;
                }
        }
}

static int answer_query(struct making *making, struct profile_set *set)
{
        const struct asked *asked = making->asked;
        int r = store_each_slice(asked->store, &asked->range, asked->mode, add_slice, making);

        return r < 0 ? r : make_profiles(making, set);
}

/* Whether the client knows the answer. Sets its tag. */
static bool is_known(const struct making *making, struct collect_meta *meta)
{
        char quoted[HTTP_TAG_SIZE + 2];

        snprintf(meta->tag, sizeof(meta->tag), "%016" PRIx64 "%016" PRIx64, collect_asked_version(making->asked),
                 making->query->salt);
        snprintf(quoted, sizeof(quoted), "\"%s\"", meta->tag);
        return making->query->known && strstr(making->query->known, quoted);
}

static void describe_answer(const struct making *making, const struct profile_set *set, struct collect_meta *ret)
{
        const struct asked *asked = making->asked;
        const struct asked_sum sum = collect_asked_sum(asked);

        ret->from_ns = asked->range.from_ns;
        ret->to_ns = asked->range.to_ns;
        ret->series = making->query->selection.range.series;
        ret->mode = asked->mode;
        ret->modes = asked->modes;
        ret->slices = sum.slices;
        ret->books = sum.books;
        sum_samples(set, ret);
}

int collect_query(struct store *store, const struct collect_query *query, struct profile_set *ret,
                  struct collect_meta *ret_meta)
{
        struct asked asked;
        struct making making = { .store = store, .query = query, .asked = &asked };
        struct profile_set set = { 0 };
        int r = collect_asked_begin(store, &query->selection, false, &asked);

        if (r < 0)
                return r;
        *ret_meta = (struct collect_meta){ 0 };
        if (is_known(&making, ret_meta)) {
                collect_asked_end(&asked);
                return COLLECT_KNOWN;
        }
        making.frames = calloc(STACK_MAX, sizeof(*making.frames));
        r = making.frames ? answer_query(&making, &set) : -ENOMEM;
        if (r == 0)
                describe_answer(&making, &set, ret_meta);
        collect_asked_end(&asked);
        collect_sums_deinit(&making.sums);
        free(making.frames);
        if (r < 0) {
                profile_set_deinit(&set);
                return r;
        }
        *ret = set;
        return 0;
}
