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
