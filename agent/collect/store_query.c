/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side of queries. Callers have called store_read_begin(). */
#include "agent/collect/store_sql.h"

#include <errno.h>

/* A text column. It is NULL if memory ran out, or in a damaged file. */
static const char *column_text(sqlite3_stmt *s, int column)
{
        const char *value = (const char *)sqlite3_column_text(s, column);

        return value ? value : "";
}

void store_bind_range(sqlite3_stmt *s, const struct store_range *range)
{
        sqlite3_bind_int64(s, 1, range->from_ns);
        sqlite3_bind_int64(s, 2, range->to_ns);
}

int store_each_series(struct store *store, int64_t series, int (*visit)(void *ctx, const struct store_series *series),
                      void *ctx)
{
        sqlite3_stmt *s = store_statement(store->reader, SQL_SERIES);
        int code, r = 0;

        sqlite3_bind_int64(s, 1, series);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
                const struct store_series found = {
                        .id = sqlite3_column_int64(s, 0),
                        .attributes = column_text(s, 1),
                        .first_seen_ns = sqlite3_column_int64(s, 2),
                        .last_seen_ns = sqlite3_column_int64(s, 3),
                };
                r = code == SQLITE_ROW ? visit(ctx, &found) : store_errno(code);
        }
        sqlite3_reset(s);
        return r;
}

/* ---- ranges -------------------------------------------------------------- */

/* A way to read the slices of a range: of all series in one go, or of one after the other. */
struct way {
        enum store_statement of_all, of_one;
        int series_at; /* the number of the parameter for the series */
        int (*visit_row)(void *ctx, sqlite3_stmt *s);
        void *ctx;
        int mode; /* PROFILE_MODES: all */
};

static int each_row(struct store *store, const struct store_range *range, const struct way *way, int64_t series)
{
        sqlite3_stmt *s = store_statement(store->reader, series ? way->of_one : way->of_all);
        int code, r = 0;

        store_bind_range(s, range);
        if (way->mode != PROFILE_MODES)
                sqlite3_bind_int64(s, 3, way->mode);
        if (series)
                sqlite3_bind_int64(s, way->series_at, series);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE)
                r = code == SQLITE_ROW ? way->visit_row(way->ctx, s) : store_errno(code);
        sqlite3_reset(s);
        return r;
}

static int each_row_of_range(struct store *store, const struct store_range *range, const struct way *way)
{
        int r = 0;

        if (range->series || !range->among)
                return each_row(store, range, way, range->series);
        for (size_t i = 0; r == 0 && i < range->among_n; i++)
                r = each_row(store, range, way, range->among[i]);
        return r;
}

struct visiting_slices {
        int (*visit)(void *ctx, const struct store_slice *slice);
        void *ctx;
        enum profile_mode mode;
};

static int visit_slice(void *ctx, sqlite3_stmt *s)
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

        return visiting->visit(visiting->ctx, &slice);
}

int store_each_slice(struct store *store, const struct store_range *range, enum profile_mode mode,
                     int (*visit)(void *ctx, const struct store_slice *slice), void *ctx)
{
        struct visiting_slices visiting = { .visit = visit, .ctx = ctx, .mode = mode };
        const struct way way = {
                .of_all = SQL_SLICES_OF_ALL,
                .of_one = SQL_SLICES_OF_ONE,
                .series_at = 4,
                .visit_row = visit_slice,
                .ctx = &visiting,
                .mode = (int)mode,
        };

        return each_row_of_range(store, range, &way);
}

struct visiting_totals {
        int (*visit)(void *ctx, const struct store_total *total);
        void *ctx;
};

#define TOTAL_BOOKS 6
#define TOTAL_SAMPLES (TOTAL_BOOKS + STORE_TIMES + 1)

static int visit_total(void *ctx, sqlite3_stmt *s)
{
        const struct visiting_totals *visiting = ctx;
        int mode = sqlite3_column_int(s, 1);
        struct store_total total = {
                .series = sqlite3_column_int64(s, 0),
                .mode = (enum profile_mode)mode,
                .start_ns = sqlite3_column_int64(s, 2),
                .duration_ns = sqlite3_column_int64(s, 3),
                .slices = 1,
                .count = (uint64_t)sqlite3_column_int64(s, 4),
                .running_ns = (uint64_t)sqlite3_column_int64(s, 5),
                .samples = sqlite3_column_blob(s, TOTAL_SAMPLES),
                .len = (size_t)sqlite3_column_bytes(s, TOTAL_SAMPLES),
        };

        if (mode < 0 || mode >= PROFILE_MODES)
                return 0; /* a damaged row */
        store_get_books(s, TOTAL_BOOKS, &total.books);
        return visiting->visit(visiting->ctx, &total);
}

int store_each_total(struct store *store, const struct store_range *range, bool samples,
                     int (*visit)(void *ctx, const struct store_total *total), void *ctx)
{
        struct visiting_totals visiting = { .visit = visit, .ctx = ctx };
        const struct way way = {
                .of_all = samples ? SQL_TOTALS_OF_ALL_WITH_SAMPLES : SQL_TOTALS_OF_ALL,
                .of_one = samples ? SQL_TOTALS_OF_ONE_WITH_SAMPLES : SQL_TOTALS_OF_ONE,
                .series_at = 3,
                .visit_row = visit_total,
                .ctx = &visiting,
                .mode = PROFILE_MODES,
        };

        return each_row_of_range(store, range, &way);
}

int store_read_edges(struct store *store, const struct store_range *range, struct store_edges *ret)
{
        sqlite3_stmt *s = store_statement(store->reader, SQL_EDGES);
        int code;

        store_bind_range(s, range);
        code = sqlite3_step(s);
        *ret = (struct store_edges){ 0 };
        if (code == SQLITE_ROW) {
                ret->has_before = sqlite3_column_type(s, 0) != SQLITE_NULL;
                ret->before_end_ns = sqlite3_column_int64(s, 0);
                ret->has_after = sqlite3_column_type(s, 1) != SQLITE_NULL;
                ret->after_start_ns = sqlite3_column_int64(s, 1);
        }
        sqlite3_reset(s);
        return store_errno(code);
}

/*
 * Reads one row, and leaves the statement there: its values are valid until it is used again. NULL: @ret_error says
 * why.
 */
static sqlite3_stmt *read_one(struct store *store, enum store_statement which, int64_t id, int *ret_error)
{
        sqlite3_stmt *s = store_statement(store->reader, which);
        int code;

        sqlite3_bind_int64(s, 1, id);
        code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                return s;
        *ret_error = code == SQLITE_DONE ? -ENOENT : store_errno(code);
        return NULL;
}

int store_read_series(struct store *store, int64_t id, const char **ret_attributes)
{
        int r = 0;
        sqlite3_stmt *s = read_one(store, SQL_READ_SERIES, id, &r);

        if (!s)
                return r;
        *ret_attributes = column_text(s, 0);
        return 0;
}

int store_read_stack(struct store *store, int64_t id, const void **ret_frames, size_t *ret_len)
{
        int r = 0;
        sqlite3_stmt *s = read_one(store, SQL_READ_STACK, id, &r);

        if (!s)
                return r;
        *ret_frames = sqlite3_column_blob(s, 0);
        *ret_len = (size_t)sqlite3_column_bytes(s, 0);
        return 0;
}

int store_read_function(struct store *store, int64_t id, struct profile_function *ret)
{
        int r = 0;
        sqlite3_stmt *s = read_one(store, SQL_READ_FUNCTION, id, &r);

        if (!s)
                return r;

        int kind = sqlite3_column_int(s, 3);

        *ret = (struct profile_function){
                .name = column_text(s, 0),
                .file = column_text(s, 1),
                .first_line = (uint32_t)sqlite3_column_int64(s, 2),
                .kind = kind >= 0 && kind < PROFILE_KINDS ? (enum profile_kind)kind : PROFILE_PYTHON,
                .build_id = column_text(s, 4),
        };
        return 0;
}
