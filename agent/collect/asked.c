/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/asked.h"
#include "agent/collect/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- which series --------------------------------------------------------- */

struct selecting {
        struct asked *asked;
        const struct collect_selection *selection;
        size_t size;
};

static bool fits_filters(const struct collect_selection *selection, const struct labels *labels)
{
        bool named[LABELS] = { false }, fits[LABELS] = { false };

        for (size_t i = 0; i < selection->filters_n; i++) {
                const struct collect_filter *filter = &selection->filters[i];

                named[filter->label] = true;
                fits[filter->label] |= strcmp(labels->values[filter->label], filter->value) == 0;
        }
        for (unsigned label = 0; label < LABELS; label++) {
                if (named[label] && !fits[label])
                        return false;
        }
        return true;
}

static bool reserve_series(struct selecting *selecting)
{
        struct asked *asked = selecting->asked;
        size_t size = selecting->size > 0 ? selecting->size * 2 : 64;
        struct asked_series *grown;

        if (asked->n < selecting->size)
                return true;
        grown = reallocarray(asked->series, size, sizeof(*grown));
        if (!grown)
                return false;
        asked->series = grown;
        selecting->size = size;
        return true;
}

static int select_series(void *ctx, const struct store_series *row)
{
        struct selecting *selecting = ctx;
        struct asked *asked = selecting->asked;
        struct asked_series series = { .id = row->id,
                                       .first_seen_ns = row->first_seen_ns,
                                       .last_seen_ns = row->last_seen_ns };
        int r = collect_labels_read(row->attributes, &series.labels);

        if (r < 0)
                return r;
        if (fits_filters(selecting->selection, &series.labels)) {
                if (reserve_series(selecting)) {
                        asked->series[asked->n++] = series;
                        return 0;
                }
                r = -ENOMEM;
        }
        collect_labels_deinit(&series.labels);
        return r;
}

/* Says in the range which series it is about. */
static int narrow_range(struct asked *asked, const struct collect_selection *selection)
{
        if (selection->range.series || selection->filters_n == 0)
                return 0;
        asked->ids = calloc(asked->n + 1, sizeof(*asked->ids));
        if (!asked->ids)
                return -ENOMEM;
        for (size_t i = 0; i < asked->n; i++)
                asked->ids[i] = asked->series[i].id;
        asked->range.among = asked->ids;
        asked->range.among_n = asked->n;
        return 0;
}

/* A series that is named has to exist. One that is named and does not fit the filters is nothing. */
static int load_series(struct asked *asked, const struct collect_selection *selection)
{
        struct selecting selecting = { .asked = asked, .selection = selection };
        int64_t named = selection->range.series;
        const char *attributes;
        int r = named ? store_read_series(asked->store, named, &attributes) : 0;

        if (r == 0)
                r = store_each_series(asked->store, named, select_series, &selecting);
        if (r == 0 && named && asked->n == 0) {
                asked->range.series = 0;
                asked->range.among = &asked->range.series; /* none of it */
        }
        return r < 0 ? r : narrow_range(asked, selection);
}

struct asked_series *collect_asked_find(const struct asked *asked, int64_t id)
{
        size_t low = 0, high = asked->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (asked->series[middle].id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < asked->n && asked->series[low].id == id ? &asked->series[low] : NULL;
}

/* ---- sums ----------------------------------------------------------------- */

void collect_asked_add(struct asked_sum *to, const struct asked_sum *from)
{
        to->slices += from->slices;
        to->count += from->count;
        to->running_ns += from->running_ns;
        to->ns += from->ns;
        to->weighted += from->weighted;
        profile_counters_add(&to->books.counters, &from->books.counters);
        if (to->books.counters.accounted_ns > 0)
                to->books.period_ns = (uint64_t)(to->weighted / (double)to->books.counters.accounted_ns);
}

static int add_total(void *ctx, const struct store_total *total)
{
        struct asked *asked = ctx;
        struct asked_series *series = collect_asked_find(asked, total->series);
        const struct asked_sum sum = {
                .slices = total->slices,
                .count = total->count,
                .running_ns = total->running_ns,
                .ns = total->summed ? total->ns : collect_unpack_ns(total->samples, total->len),
                .books = total->books,
                .weighted = (double)total->books.period_ns * (double)total->books.counters.accounted_ns,
        };

        if (!series)
                return 0;
        series->modes |= 1u << total->mode;
        asked->modes |= 1u << total->mode;
        collect_asked_add(&series->by[total->mode], &sum);
        return 0;
}

struct asked_sum collect_asked_sum(const struct asked *asked)
{
        struct asked_sum sum = { 0 };

        for (size_t i = 0; i < asked->n; i++)
                collect_asked_add(&sum, &asked->series[i].by[asked->mode]);
        return sum;
}

static void hash_number(XXH3_state_t *state, uint64_t number)
{
        XXH3_64bits_update(state, &number, sizeof(number));
}

uint64_t collect_asked_version(const struct asked *asked)
{
        /* A range that moves on may get a slice as it loses another one that is as large. */
        const struct store_range end = { .from_ns = asked->range.to_ns, .to_ns = asked->range.to_ns };
        XXH3_state_t *state = XXH3_createState();
        struct store_edges edges;
        uint64_t version = 0;

        if (!state || store_read_edges(asked->store, &end, &edges) < 0) {
                XXH3_freeState(state);
                return 0;
        }
        XXH3_64bits_reset(state);
        hash_number(state, asked->mode);
        hash_number(state, edges.has_before ? (uint64_t)edges.before_end_ns : 0);
        for (size_t i = 0; i < asked->n; i++) {
                const struct asked_series *series = &asked->series[i];

                if (!series->modes)
                        continue;
                hash_number(state, (uint64_t)series->id);
                for (unsigned mode = 0; mode < PROFILE_MODES; mode++) {
                        hash_number(state, series->by[mode].slices);
                        hash_number(state, series->by[mode].count);
                        hash_number(state, series->by[mode].running_ns);
                        hash_number(state, series->by[mode].books.counters.accounted_ns);
                }
                for (unsigned label = 0; label < LABELS; label++)
                        XXH3_64bits_update(state, series->labels.values[label],
                                           strlen(series->labels.values[label]) + 1);
        }
        version = XXH3_64bits_digest(state);
        XXH3_freeState(state);
        return version;
}

/* ---- begin and end -------------------------------------------------------- */

static enum profile_mode choose_mode(const struct collect_selection *selection, unsigned modes)
{
        if (selection->mode)
                return *selection->mode;
        for (unsigned mode = 0; mode < PROFILE_MODES; mode++) {
                if (modes & 1u << mode)
                        return (enum profile_mode)mode;
        }
        return PROFILE_MODE_CPU;
}

int collect_asked_begin(struct store *store, const struct collect_selection *selection, bool times, struct asked *ret)
{
        int r = store_read_begin(store);

        *ret = (struct asked){ .store = store, .range = selection->range };
        if (r < 0)
                return r;
        r = load_series(ret, selection);
        if (r == 0)
                r = store_each_total(store, &ret->range, &(struct store_how){ .samples = times }, add_total, ret);
        if (r < 0) {
                collect_asked_end(ret);
                return r;
        }
        ret->mode = choose_mode(selection, ret->modes);
        return 0;
}

void collect_asked_end(struct asked *asked)
{
        store_read_end(asked->store);
        for (size_t i = 0; i < asked->n; i++)
                collect_labels_deinit(&asked->series[i].labels);
        free(asked->series);
        free(asked->ids);
        *asked = (struct asked){ 0 };
}
