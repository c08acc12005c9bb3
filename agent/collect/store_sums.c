/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making sums. A stretch is summed once it has ended a while ago, in one transaction: those of an hour by the sums of its
 * minutes, and so on. The stretch of the oldest slice is left alone, since retention takes slices from it.
 */
#include "agent/collect/pack.h"
#include "agent/collect/store_sql.h"
#include "agent/collect/sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Agents deliver every 10 s. What comes later than this undoes the sums, which is right, and work. */
#define SETTLED_NS (INT64_C(60) * 1000000000)

/* The most periods that a sum tells apart. An agent has one; it slows down in some steps. */
#define PERIODS_MAX 32

struct period {
        uint64_t ns, slices;
};

/* The sum of a series in a mode. */
struct series_sum {
        int64_t key; /* series * PROFILE_MODES + mode */
        uint64_t slices, count, running_ns;
        double over_count, over_ns, weighted;
        struct profile_counters counters;
        struct period periods[PERIODS_MAX];
        size_t periods_n;
        bool lost;
        UT_hash_handle hh;
};

struct summing {
        struct store_connection *connection;
        int64_t span_ns, start_ns;
        struct series_sum *all;
        bool far;
        enum profile_mode mode; /* whose samples are being added up */
        struct sums samples;    /* a part for each series */
        int64_t stretch;
};

/* ---- totals --------------------------------------------------------------- */

static struct series_sum *get_or_add_series_sum(struct summing *summing, int64_t series, enum profile_mode mode)
{
        int64_t key = series * PROFILE_MODES + (int64_t)mode;
        struct series_sum *sum;

        HASH_FIND(hh, summing->all, &key, sizeof(key), sum);
        if (sum)
                return sum;
        sum = calloc(1, sizeof(*sum));
        if (!sum)
                return NULL;
        sum->key = key;
        HASH_ADD(hh, summing->all, key, sizeof(sum->key), sum);
        if (sum->lost) {
                free(sum);
                return NULL;
        }
        return sum;
}

/* Beyond the bound periods are not known any more: they are left out, as those of slices without books are. */
static void add_period(struct series_sum *sum, uint64_t period_ns, uint64_t slices)
{
        size_t i = 0;

        while (i < sum->periods_n && sum->periods[i].ns != period_ns)
                i++;
        if (period_ns == 0 || i == PERIODS_MAX)
                return;
        sum->periods_n = i < sum->periods_n ? sum->periods_n : i + 1;
        sum->periods[i].ns = period_ns;
        sum->periods[i].slices += slices;
}

/* What a slice has beyond the stretch's end, if its samples are spread evenly over its time. */
static void add_over(struct summing *summing, struct series_sum *sum, const struct store_total *slice)
{
        int64_t end = summing->start_ns + summing->span_ns, beyond = slice->start_ns - end + slice->duration_ns;
        double share;

        if (beyond <= 0)
                return;
        share = (double)beyond / (double)slice->duration_ns;
        sum->over_count += share * (double)slice->count;
        sum->over_ns += share * (double)collect_unpack_ns(slice->samples, slice->len);
        summing->far |= beyond > summing->span_ns;
}

static int add_total(void *ctx, const struct store_total *total)
{
        struct summing *summing = ctx;
        struct series_sum *sum = get_or_add_series_sum(summing, total->series, total->mode);
        struct unpack in = collect_unpack_begin(total->periods, total->periods_len);

        if (!sum)
                return -ENOMEM;
        sum->slices += total->slices;
        sum->count += total->count;
        sum->running_ns += total->running_ns;
        sum->weighted += (double)total->books.period_ns * (double)total->books.counters.accounted_ns;
        profile_counters_add(&sum->counters, &total->books.counters);
        if (!total->summed) {
                add_period(sum, total->books.period_ns, 1);
                add_over(summing, sum, total);
                return 0;
        }
        while (in.at < in.end && !in.failed) {
                uint64_t period = collect_unpack(&in), slices = collect_unpack(&in);

                add_period(sum, period, slices);
        }
        if (total->start_ns + total->duration_ns == summing->start_ns + summing->span_ns) {
                sum->over_count += total->over_count;
                sum->over_ns += total->over_ns;
        }
        return 0;
}

/* ---- samples -------------------------------------------------------------- */

static int add_slice_samples(void *ctx, const struct store_slice *slice)
{
        struct summing *summing = ctx;

        return collect_sums_add(&summing->samples, slice, slice->series);
}

static int write_samples(struct summing *summing, int64_t sum, const struct pack *pack)
{
        sqlite3_stmt *s = store_statement(summing->connection, SQL_ADD_SUM_SAMPLES);

        sqlite3_bind_int64(s, 1, sum);
        sqlite3_bind_blob64(s, 2, pack->len > 0 ? pack->data : (const void *)"", pack->len, SQLITE_STATIC);
        return store_run(s);
}

static int write_sum(struct summing *summing, const struct series_sum *sum, uint64_t ns)
{
        sqlite3_stmt *s = store_statement(summing->connection, SQL_ADD_SUM);
        const struct store_books books = {
                .counters = sum->counters,
                .period_ns = sum->counters.accounted_ns > 0
                                     ? (uint64_t)(sum->weighted / (double)sum->counters.accounted_ns)
                                     : 0,
        };
        const int64_t numbers[] = {
                summing->stretch,     sum->key / PROFILE_MODES, sum->key % PROFILE_MODES,
                (int64_t)sum->slices, (int64_t)sum->count,      (int64_t)sum->running_ns,
                (int64_t)ns,
        };
        int column = STORE_TIMES + 2, r;
        struct pack periods = { 0 };

        store_bind_books(s, &books);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                sqlite3_bind_int64(s, column++, numbers[i]);
        sqlite3_bind_double(s, column++, sum->over_count);
        sqlite3_bind_double(s, column++, sum->over_ns);
        for (size_t i = 0; i < sum->periods_n; i++) {
                collect_pack(&periods, sum->periods[i].ns);
                collect_pack(&periods, sum->periods[i].slices);
        }
        sqlite3_bind_blob64(s, column, periods.len > 0 ? periods.data : (const void *)"", periods.len, SQLITE_STATIC);
        r = periods.failed ? -ENOMEM : store_run(s);
        free(periods.data);
        return r;
}

/* Writes the sum of a series, with what was added up of its samples. */
static int write_series(struct summing *summing, const struct series_sum *sum)
{
        struct pack pack = { 0 };
        uint64_t ns;
        int r = collect_sums_pack(&summing->samples, sum->key / PROFILE_MODES, &pack, &ns);

        if (r == 0)
                r = write_sum(summing, sum, ns);
        if (r == 0)
                r = write_samples(summing, sqlite3_last_insert_rowid(summing->connection->db), &pack);
        free(pack.data);
        return r;
}

static int sum_mode(struct summing *summing, const struct store_plan *plan, const struct store_range *range)
{
        int r = store_each_slice_of(summing->connection, plan, range, summing->mode, add_slice_samples, summing);
        const struct series_sum *sum, *next;

        HASH_ITER(hh, summing->all, sum, next) {
                if (r == 0 && sum->key % PROFILE_MODES == (int64_t)summing->mode)
                        r = write_series(summing, sum);
        }
        collect_sums_deinit(&summing->samples);
        summing->samples = (struct sums){ 0 };
        return r;
}

/* ---- a stretch ------------------------------------------------------------ */

static int write_stretch(struct summing *summing)
{
        sqlite3_stmt *extent = store_statement(summing->connection, SQL_EXTENT), *s;
        int code, r;

        sqlite3_bind_int64(extent, 1, summing->start_ns);
        sqlite3_bind_int64(extent, 2, summing->start_ns + summing->span_ns);
        code = sqlite3_step(extent);
        s = store_statement(summing->connection, SQL_ADD_STRETCH);
        sqlite3_bind_int64(s, 1, summing->span_ns);
        sqlite3_bind_int64(s, 2, summing->start_ns);
        sqlite3_bind_int64(s, 3, sqlite3_column_int64(extent, 0));
        sqlite3_bind_int64(s, 4, sqlite3_column_int64(extent, 1));
        sqlite3_bind_int(s, 5, summing->far);
        sqlite3_reset(extent);
        r = code == SQLITE_ROW ? store_run(s) : store_errno(code);
        summing->stretch = sqlite3_last_insert_rowid(summing->connection->db);
        return r;
}

/* Sums up a stretch, by shorter stretches where those are summed. */
static int sum_stretch(struct store_connection *connection, int span, int64_t start_ns)
{
        struct summing summing = { .connection = connection, .span_ns = store_spans[span], .start_ns = start_ns };
        const struct store_range range = { .from_ns = start_ns, .to_ns = start_ns + store_spans[span] };
        struct series_sum *sum, *next;
        struct store_plan plan;
        int r = store_plan(connection, &range, span, false, &plan);

        if (r == 0)
                r = store_each_total_of(connection, &plan, &range, true, add_total, &summing);
        if (r == 0)
                r = write_stretch(&summing);
        for (unsigned mode = 0; r == 0 && mode < PROFILE_MODES; mode++) {
                summing.mode = (enum profile_mode)mode;
                r = sum_mode(&summing, &plan, &range);
        }
        HASH_ITER(hh, summing.all, sum, next) {
                HASH_DEL(summing.all, sum);
                free(sum);
        }
        free(plan.pieces);
        return r;
}

int store_undo_sums(struct store_connection *connection, int64_t start_ns)
{
        int r = 0;

        for (int i = 0; r == 0 && i < STORE_SPANS; i++) {
                sqlite3_stmt *s = store_statement(connection, SQL_UNDO_SUMS);

                sqlite3_bind_int64(s, 1, store_spans[i]);
                sqlite3_bind_int64(s, 2, start_ns / store_spans[i] * store_spans[i]);
                r = store_run(s);
        }
        return r;
}

/* ---- all stretches -------------------------------------------------------- */

/* Reads a number; @none if there is none. */
static int64_t ask_number(struct store_connection *connection, enum store_statement which, const int64_t values[],
                          int n, int64_t none)
{
        sqlite3_stmt *s = store_statement(connection, which);
        int64_t number = none;

        for (int i = 0; i < n; i++)
                sqlite3_bind_int64(s, i + 1, values[i]);
        if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
                number = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        return number;
}

/* Finds the first stretch that begins at @at_ns or later, has slices, and is not summed. INT64_MAX if there is none. */
static int64_t seek_stretch(struct store_connection *connection, int64_t span_ns, int64_t at_ns, int64_t until_ns)
{
        while (at_ns <= until_ns - span_ns) {
                int64_t slice = ask_number(connection, SQL_NEXT_SLICE, &at_ns, 1, INT64_MAX);

                if (slice > until_ns - span_ns)
                        break;
                at_ns = slice / span_ns * span_ns;
                if (!ask_number(connection, SQL_IS_SUMMED, (int64_t[]){ span_ns, at_ns }, 2, 0))
                        return at_ns;
                at_ns += span_ns;
        }
        return INT64_MAX;
}

/* Sums up the next stretch of a span, in a transaction. @at_ns: where to look; it moves on. */
static int sum_next(struct store *store, int span, int64_t *at_ns, int64_t until_ns, bool *ret_found)
{
        int64_t span_ns = store_spans[span], oldest;
        int r = store_begin(store), ended;

        *ret_found = false;
        if (r < 0)
                return r;
        oldest = ask_number(&store->writer, SQL_OLDEST, NULL, 0, until_ns);
        if (*at_ns <= oldest)
                *at_ns = (oldest / span_ns + 1) * span_ns;
        *at_ns = seek_stretch(&store->writer, span_ns, *at_ns, until_ns);
        *ret_found = *at_ns != INT64_MAX;
        if (*ret_found)
                r = sum_stretch(&store->writer, span, *at_ns);
        ended = store_end(store, r == 0);
        return r < 0 ? r : ended;
}

int store_sum(struct store *store, int64_t now_ns, unsigned max, unsigned *ret_n)
{
        int r = 0;

        *ret_n = 0;
        for (int span = 0; r == 0 && span < STORE_SPANS; span++) {
                int64_t at_ns = 0;
                bool found = true;

                while (r == 0 && found && *ret_n < max) {
                        r = sum_next(store, span, &at_ns, now_ns - SETTLED_NS, &found);
                        *ret_n += found;
                }
        }
        return r;
}
