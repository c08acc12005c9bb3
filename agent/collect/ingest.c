/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an OTLP body to slices. A series belongs to a container or, without one, to a service's program on a host. The
 * processes of a container come and go, and are added up. Threads are not told apart.
 */
#include "agent/collect/ingest.h"
#include "agent/collect/json.h"
#include "agent/collect/pack.h"
#include "agent/format/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

/* Clocks differ. A clock that is further ahead is wrong. Samples with its times would outlive all retention. */
#define AHEAD_MAX_NS (600 * SECOND_NS)

/* The most that a slice may count: far more than any profile has, and small enough to add up without overflow. */
#define TOTAL_MAX (UINT64_C(1) << 53)

/* Bytes of attributes as JSON. A resource has a dozen attributes of some tens of bytes. */
#define ATTRIBUTES_MAX_BYTES ((size_t)16 << 10)

/* ---- samples ------------------------------------------------------------- */

struct row {
        int64_t stack;
        unsigned state;
        uint64_t count, ns;
};

static int order_rows(const void *a, const void *b)
{
        const struct row *x = a, *y = b;

        if (x->stack != y->stack)
                return x->stack < y->stack ? -1 : 1;
        return x->state < y->state ? -1 : x->state > y->state;
}

static int pack_rows(struct row *rows, size_t n, struct pack *pack)
{
        int64_t before = 0;

        if (n > 0)
                qsort(rows, n, sizeof(*rows), order_rows);
        for (size_t i = 0; i < n; i++) {
                struct row row = rows[i];

                for (; i + 1 < n && order_rows(&rows[i + 1], &row) == 0; i++) {
                        row.count += rows[i + 1].count;
                        row.ns += rows[i + 1].ns;
                }
                collect_pack(pack, (uint64_t)(row.stack - before));
                collect_pack(pack, row.state);
                collect_pack(pack, row.count);
                collect_pack(pack, row.ns);
                before = row.stack;
        }
        return pack->failed ? -ENOMEM : 0;
}

/* ---- the stacks of a profile in the store --------------------------------- */

struct intern {
        struct store *store;
        const struct profile *profile;
        int64_t seen_ns;
        int64_t *functions, *stacks; /* ids in the store, by profile_id; 0: not stored yet */
        struct pack frames;
};

static int intern_function(struct intern *in, profile_id id, int64_t *ret)
{
        if (in->functions[id] == 0) {
                int r = store_function(in->store, profile_function(in->profile, id), in->seen_ns, &in->functions[id]);
                if (r < 0)
                        return r;
        }
        *ret = in->functions[id];
        return 0;
}

static int pack_frames(struct intern *in, profile_id id)
{
        size_t n;
        const profile_id *frames = profile_stack(in->profile, id, &n);

        in->frames.len = 0;
        for (size_t i = 0; i < n; i++) {
                const struct profile_frame *frame = profile_frame(in->profile, frames[i]);
                int64_t function;
                int r = intern_function(in, frame->function, &function);

                if (r < 0)
                        return r;
                collect_pack(&in->frames, (uint64_t)function);
                collect_pack(&in->frames, profile_function(in->profile, frame->function)->kind == PROFILE_PYTHON
                                                  ? frame->line
                                                  : frame->address);
        }
        return in->frames.failed ? -ENOMEM : 0;
}

static int intern_stack(struct intern *in, profile_id id, int64_t *ret)
{
        if (in->stacks[id] == 0) {
                int r = pack_frames(in, id);
                if (r == 0)
                        r = store_stack(in->store, in->frames.data, in->frames.len, in->seen_ns, &in->stacks[id]);
                if (r < 0)
                        return r;
        }
        *ret = in->stacks[id];
        return 0;
}

static int make_rows(struct intern *in, struct row *rows)
{
        for (size_t i = 0; i < profile_samples(in->profile); i++) {
                const struct profile_sample *sample = profile_sample(in->profile, i);
                int r;

                rows[i] = (struct row){ .state = sample->state, .count = sample->count, .ns = sample->nanoseconds };
                r = intern_stack(in, sample->stack, &rows[i].stack);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int pack_samples(struct store *store, const struct profile *profile, int64_t seen_ns, struct pack *pack)
{
        size_t n = profile_samples(profile);
        struct intern in = {
                .store = store,
                .profile = profile,
                .seen_ns = seen_ns,
                .functions = calloc(profile_functions(profile) + 1, sizeof(int64_t)),
                .stacks = calloc(profile_stacks(profile) + 1, sizeof(int64_t)),
        };
        struct row *rows = calloc(n + 1, sizeof(*rows));
        int r = -ENOMEM;

        if (in.functions && in.stacks && rows)
                r = make_rows(&in, rows);
        if (r == 0)
                r = pack_rows(rows, n, pack);
        free(in.functions);
        free(in.stacks);
        free(in.frames.data);
        free(rows);
        return r;
}

/* ---- slices -------------------------------------------------------------- */

static const char *attribute_or_empty(const struct profile *profile, const char *key)
{
        const char *value = profile_attribute(profile, key);

        return value ? value : "";
}

/* Makes the key of a profile's series. NULL if memory ran out. */
static char *series_key(const struct profile *profile)
{
        const char *container = attribute_or_empty(profile, "container.id");
        char *key;
        int r;

        if (*container)
                r = asprintf(&key, "container %s\n%s", container, attribute_or_empty(profile, "service.name"));
        else
                r = asprintf(&key, "service %s\n%s\n%s", attribute_or_empty(profile, "service.name"),
                             attribute_or_empty(profile, "process.executable.name"),
                             attribute_or_empty(profile, "host.name"));
        return r < 0 ? NULL : key;
}

static int get_or_add_series(struct store *store, const struct profile *profile, int64_t start_ns, int64_t *ret)
{
        char *key = series_key(profile), *attributes = collect_json_attributes(profile);
        int r = -ENOMEM;

        if (key && attributes)
                r = store_series(store, key, attributes, start_ns, ret);
        free(key);
        free(attributes);
        return r;
}

static uint64_t running_ns(const struct profile *profile)
{
        uint64_t ns = 0;

        for (size_t i = 0; i < profile_samples(profile); i++) {
                const struct profile_sample *sample = profile_sample(profile, i);
                if (sample->state == PROFILE_RUNNING)
                        ns += sample->nanoseconds;
        }
        return ns;
}

static int add_slice(struct store *store, const struct profile *profile, int64_t start_ns)
{
        const struct profile_settings *settings = profile_settings(profile);
        struct store_slice slice = {
                .mode = settings->mode,
                .start_ns = start_ns,
                .duration_ns = settings->duration_ns < INT64_MAX ? (int64_t)settings->duration_ns : INT64_MAX,
                .count = profile_total(profile),
                .running_ns = running_ns(profile),
                .counters = profile_counters_of(profile),
                .period_ns = settings->period_ns < INT64_MAX ? settings->period_ns : INT64_MAX,
        };
        struct pack pack = { 0 };
        int r = get_or_add_series(store, profile, start_ns, &slice.series);

        if (r == 0)
                r = pack_samples(store, profile, start_ns, &pack);
        slice.samples = pack.data;
        slice.len = pack.len;
        if (r == 0)
                r = store_slice(store, &slice);
        free(pack.data);
        return r;
}

/* ---- checks ------------------------------------------------------------- */

static bool is_within_total_bound(const struct profile *profile)
{
        uint64_t count = 0, ns = 0;

        for (size_t i = 0; i < profile_samples(profile); i++) {
                const struct profile_sample *sample = profile_sample(profile, i);
                if (sample->count > TOTAL_MAX - count || sample->nanoseconds > TOTAL_MAX - ns)
                        return false;
                count += sample->count;
                ns += sample->nanoseconds;
        }
        return store_books_fit(profile_counters_of(profile), TOTAL_MAX);
}

static size_t attribute_bytes(const struct profile *profile)
{
        size_t len = 0;

        for (size_t i = 0; i < profile_attributes(profile); i++) {
                const char *key, *value;

                profile_attribute_at(profile, i, &key, &value);
                len += strlen(key) + strlen(value);
        }
        return len;
}

/* NULL if the profile is accepted, otherwise the reason why not. */
static const char *objection_to_profile(const struct profile *profile, int64_t start_ns, int64_t oldest_ns,
                                        int64_t now_ns)
{
        if (start_ns > now_ns + AHEAD_MAX_NS)
                return "the profile starts more than 10 minutes in the future: compare the clocks";
        if (start_ns < oldest_ns)
                return "the profile is older than what is kept";
        if (!is_within_total_bound(profile))
                return "the profile counts more than a slice can hold";
        if (attribute_bytes(profile) > ATTRIBUTES_MAX_BYTES)
                return "the resource's attributes are larger than 16 KiB";
        return NULL;
}

static int64_t start_of(const struct profile *profile, int64_t now_ns)
{
        uint64_t start_ns = profile_settings(profile)->start_ns;

        if (start_ns == 0)
                return now_ns;
        return start_ns < INT64_MAX ? (int64_t)start_ns : INT64_MAX;
}

static int add_set(struct store *store, const struct profile_set *set, int64_t oldest_ns, int64_t now_ns,
                   struct ingest_result *result)
{
        for (size_t i = 0; i < set->n; i++) {
                const struct profile *profile = set->items[i];
                int64_t start_ns = start_of(profile, now_ns);
                const char *why = objection_to_profile(profile, start_ns, oldest_ns, now_ns);
                int r = 0;

                if (why) {
                        result->rejected++;
                        result->sentence = why;
                        continue;
                }
                /*
                 * A profile of an idle process says no more than its absence. One with CPU time and without samples
                 * does.
                 */
                if (profile_samples(profile) > 0 || profile_counters_of(profile)->accounted_ns > 0)
                        r = add_slice(store, profile, start_ns);
                if (r < 0)
                        return r;
                result->accepted++;
        }
        return 0;
}

static int store_set(struct store *store, const struct profile_set *set, const char *key, int64_t oldest_ns,
                     struct ingest_result *result)
{
        struct timespec now;
        bool is_new = true;
        int64_t now_ns;
        int r, ended;

        clock_gettime(CLOCK_REALTIME, &now);
        now_ns = now.tv_sec * SECOND_NS + now.tv_nsec;
        r = store_begin(store);
        if (r < 0)
                return r;
        if (key)
                r = store_remember(store, key, now_ns, &is_new);
        if (r == 0 && is_new)
                r = add_set(store, set, oldest_ns, now_ns, result);
        result->again = !is_new;
        ended = store_end(store, r == 0);
        return r < 0 ? r : ended;
}

int collect_ingest(struct store *store, char *json, size_t len, const char *key, int64_t oldest_ns,
                   struct ingest_result *ret, const char **ret_error)
{
        struct ingest_result result = { 0 };
        struct profile_set set = { 0 };
        int r = format_take_otlp(json, len, &set, ret_error);

        if (r < 0)
                return r == -ENOSPC ? -ENOMEM : r; /* a profile is full, not the store */
        r = store_set(store, &set, key, oldest_ns, &result);
        profile_set_deinit(&set);
        if (r == 0)
                *ret = result;
        return r;
}
