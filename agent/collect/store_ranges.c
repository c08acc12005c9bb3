/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ranges, by sums and by slices. Callers have called store_read_begin(). */
#include "agent/collect/store_sql.h"

#include <errno.h>
#include <stdlib.h>

/* A way to read a piece: of all series in one go, or of one after the other. */
struct way {
        enum store_statement of_all, of_one; /* slices */
        enum store_statement sums_of_all, sums_of_one;
        int mode; /* PROFILE_MODES: all */
        int (*visit_row)(void *ctx, sqlite3_stmt *s, bool summed);
        void *ctx;
};

static int each_row(struct store_connection *connection, const struct store_piece *piece, const struct way *way,
                    int64_t series)
{
        bool summed = piece->span_ns > 0;
        enum store_statement which = series ? (summed ? way->sums_of_one : way->of_one)
                                            : (summed ? way->sums_of_all : way->of_all);
        sqlite3_stmt *s = store_statement(connection, which);
        int code, r = 0;

        sqlite3_bind_int64(s, 1, piece->from_ns);
        sqlite3_bind_int64(s, 2, piece->to_ns);
        sqlite3_bind_int64(s, 3, way->mode);
        sqlite3_bind_int64(s, 4, series);
        sqlite3_bind_int64(s, 5, piece->span_ns);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE)
                r = code == SQLITE_ROW ? way->visit_row(way->ctx, s, summed) : store_errno(code);
        sqlite3_reset(s);
        return r;
}

static int each_row_of_plan(struct store_connection *connection, const struct store_plan *plan,
                            const struct store_range *range, const struct way *way)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < plan->n; i++) {
                const struct store_piece *piece = &plan->pieces[i];

                if (range->series || !range->among)
                        r = each_row(connection, piece, way, range->series);
                for (size_t j = 0; r == 0 && !range->series && j < range->among_n; j++)
                        r = each_row(connection, piece, way, range->among[j]);
        }
        return r;
}

/* ---- samples -------------------------------------------------------------- */

struct visiting_slices {
        int (*visit)(void *ctx, const struct store_slice *slice);
        void *ctx;
        enum profile_mode mode;
};

static int visit_slice(void *ctx, sqlite3_stmt *s, bool summed)
{
        const struct visiting_slices *visiting = ctx;
        const struct store_slice slice = {
                .series = sqlite3_column_int64(s, 0),
                .mode = visiting->mode,
                .start_ns = sqlite3_column_int64(s, 1),
                .duration_ns = sqlite3_column_int64(s, 2),
                .samples = sqlite3_column_blob(s, 3),
                .len = (size_t)sqlite3_column_bytes(s, 3),
        };

        (void)summed;
        return visiting->visit(visiting->ctx, &slice);
}

int store_each_slice_of(struct store_connection *connection, const struct store_plan *plan,
                        const struct store_range *range, enum profile_mode mode,
                        int (*visit)(void *ctx, const struct store_slice *slice), void *ctx)
{
        struct visiting_slices visiting = { .visit = visit, .ctx = ctx, .mode = mode };
        const struct way way = {
                .of_all = SQL_SLICES_OF_ALL,
                .of_one = SQL_SLICES_OF_ONE,
                .sums_of_all = SQL_SUM_SAMPLES_OF_ALL,
                .sums_of_one = SQL_SUM_SAMPLES_OF_ONE,
                .mode = (int)mode,
                .visit_row = visit_slice,
                .ctx = &visiting,
        };

        return each_row_of_plan(connection, plan, range, &way);
}

int store_each_slice(struct store *store, const struct store_range *range, enum profile_mode mode,
                     int (*visit)(void *ctx, const struct store_slice *slice), void *ctx)
{
        struct store_plan plan;
        int r = store_plan(store->reader, range, STORE_SPANS, true, &plan);

        if (r == 0)
                r = store_each_slice_of(store->reader, &plan, range, mode, visit, ctx);
        free(plan.pieces);
        return r;
}

/* ---- totals --------------------------------------------------------------- */

struct visiting_totals {
        int (*visit)(void *ctx, const struct store_total *total);
        void *ctx;
};

/* The columns of all statements that read totals. */
enum {
        COLUMN_SERIES,
        COLUMN_MODE,
        COLUMN_START,
        COLUMN_DURATION,
        COLUMN_SLICES,
        COLUMN_COUNT,
        COLUMN_RUNNING,
        COLUMN_NS,
        COLUMN_OVER_COUNT,
        COLUMN_OVER_NS,
        COLUMN_BOOKS,
        COLUMN_PERIODS = COLUMN_BOOKS + STORE_TIMES + 1,
        COLUMN_SAMPLES,
};

static int visit_total(void *ctx, sqlite3_stmt *s, bool summed)
{
        const struct visiting_totals *visiting = ctx;
        int mode = sqlite3_column_int(s, COLUMN_MODE);
        struct store_total total = {
                .series = sqlite3_column_int64(s, COLUMN_SERIES),
                .mode = (enum profile_mode)mode,
                .start_ns = sqlite3_column_int64(s, COLUMN_START),
                .duration_ns = sqlite3_column_int64(s, COLUMN_DURATION),
                .slices = (uint64_t)sqlite3_column_int64(s, COLUMN_SLICES),
                .count = (uint64_t)sqlite3_column_int64(s, COLUMN_COUNT),
                .running_ns = (uint64_t)sqlite3_column_int64(s, COLUMN_RUNNING),
                .summed = summed,
        };

        if (mode < 0 || mode >= PROFILE_MODES)
                return 0; /* a damaged row */
        store_get_books(s, COLUMN_BOOKS, &total.books);
        if (summed) {
                total.ns = (uint64_t)sqlite3_column_int64(s, COLUMN_NS);
                total.over_count = sqlite3_column_double(s, COLUMN_OVER_COUNT);
                total.over_ns = sqlite3_column_double(s, COLUMN_OVER_NS);
                total.periods = sqlite3_column_blob(s, COLUMN_PERIODS);
                total.periods_len = (size_t)sqlite3_column_bytes(s, COLUMN_PERIODS);
        } else {
                total.samples = sqlite3_column_blob(s, COLUMN_SAMPLES);
                total.len = (size_t)sqlite3_column_bytes(s, COLUMN_SAMPLES);
        }
        return visiting->visit(visiting->ctx, &total);
}

int store_each_total_of(struct store_connection *connection, const struct store_plan *plan,
                        const struct store_range *range, bool samples,
                        int (*visit)(void *ctx, const struct store_total *total), void *ctx)
{
        struct visiting_totals visiting = { .visit = visit, .ctx = ctx };
        const struct way way = {
                .of_all = samples ? SQL_TOTALS_OF_ALL_WITH_SAMPLES : SQL_TOTALS_OF_ALL,
                .of_one = samples ? SQL_TOTALS_OF_ONE_WITH_SAMPLES : SQL_TOTALS_OF_ONE,
                .sums_of_all = SQL_SUM_TOTALS_OF_ALL,
                .sums_of_one = SQL_SUM_TOTALS_OF_ONE,
                .mode = PROFILE_MODES,
                .visit_row = visit_total,
                .ctx = &visiting,
        };

        return each_row_of_plan(connection, plan, range, &way);
}

/* The number of spans whose stretches each lie in one step. */
static int spans_of_step(int64_t step_ns)
{
        int spans = 0;

        while (spans < STORE_SPANS && step_ns % store_spans[spans] == 0)
                spans++;
        return spans;
}

int store_each_total(struct store *store, const struct store_range *range, const struct store_how *how,
                     int (*visit)(void *ctx, const struct store_total *total), void *ctx)
{
        struct store_plan plan;
        int r = store_plan(store->reader, range, spans_of_step(how->step_ns), how->step_ns == 0, &plan);

        if (r == 0)
                r = store_each_total_of(store->reader, &plan, range, how->samples, visit, ctx);
        free(plan.pieces);
        return r;
}

/* ---- what is covered ------------------------------------------------------ */

static int each_cover_of_piece(struct store_connection *connection, const struct store_piece *piece,
                               int (*visit)(void *ctx, int64_t start_ns, int64_t end_ns), void *ctx)
{
        sqlite3_stmt *s = store_statement(connection, piece->span_ns ? SQL_STRETCHES : SQL_COVER);
        int code, r = 0;

        sqlite3_bind_int64(s, 1, piece->from_ns);
        sqlite3_bind_int64(s, 2, piece->to_ns);
        if (piece->span_ns) {
                sqlite3_bind_int64(s, 3, piece->span_ns);
                sqlite3_bind_int(s, 4, true);
        }
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
                int64_t start = sqlite3_column_int64(s, piece->span_ns ? 1 : 0);
                int64_t end = piece->span_ns ? sqlite3_column_int64(s, 2) : start + sqlite3_column_int64(s, 1);

                r = code == SQLITE_ROW ? visit(ctx, start, end) : store_errno(code);
        }
        sqlite3_reset(s);
        return r;
}

int store_each_cover(struct store *store, const struct store_range *range, int64_t step_ns,
                     int (*visit)(void *ctx, int64_t start_ns, int64_t end_ns), void *ctx)
{
        /* Sums of hours would hide too much. */
        int spans = step_ns >= store_spans[0] ? 1 : 0;
        struct store_plan plan;
        int r = store_plan(store->reader, range, spans, true, &plan);

        for (size_t i = 0; r == 0 && i < plan.n; i++)
                r = each_cover_of_piece(store->reader, &plan.pieces[i], visit, ctx);
        free(plan.pieces);
        return r;
}
