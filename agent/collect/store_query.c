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

int store_list(struct store *store, const struct store_range *range,
               int (*visit)(void *ctx, const struct store_found *found), void *ctx)
{
        sqlite3_stmt *s = store_statement(store->reader, SQL_LIST);
        int code, r = 0;

        store_bind_range(s, range);
        sqlite3_bind_int64(s, 3, range->series);
        sqlite3_bind_int64(s, 4, STORE_SERIES_MAX);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
                struct store_found found = {
                        .id = sqlite3_column_int64(s, 0),
                        .attributes = column_text(s, 1),
                        .first_seen_ns = sqlite3_column_int64(s, 2),
                        .last_seen_ns = sqlite3_column_int64(s, 3),
                        .samples = (uint64_t)sqlite3_column_int64(s, 4),
                        .cpu_ns = (uint64_t)sqlite3_column_int64(s, 5),
                        .modes = (unsigned)sqlite3_column_int(s, 6),
                };
                store_get_books(s, 7, &found.books);
                r = code == SQLITE_ROW ? visit(ctx, &found) : store_errno(code);
        }
        sqlite3_reset(s);
        return r;
}

int store_each_slice(struct store *store, const struct store_range *range, enum profile_mode mode,
                     int (*visit)(void *ctx, const struct store_slice *slice), void *ctx)
{
        sqlite3_stmt *s = store_statement(store->reader, range->series ? SQL_SLICES_OF_ONE : SQL_SLICES_OF_ALL);
        int code, r = 0;

        store_bind_range(s, range);
        sqlite3_bind_int64(s, 3, mode);
        if (range->series)
                sqlite3_bind_int64(s, 4, range->series);
        while (r == 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
                struct store_slice slice = {
                        .series = sqlite3_column_int64(s, 0),
                        .mode = mode,
                        .start_ns = sqlite3_column_int64(s, 1),
                        .duration_ns = sqlite3_column_int64(s, 2),
                        .samples = sqlite3_column_blob(s, 3),
                        .len = (size_t)sqlite3_column_bytes(s, 3),
                };
                r = code == SQLITE_ROW ? visit(ctx, &slice) : store_errno(code);
        }
        sqlite3_reset(s);
        return r;
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
