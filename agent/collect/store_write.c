/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of ingestion. Series, functions and stacks are stored once each, and found again by their contents.
 * "seen" is raised at most once an hour, so that a busy stack costs a look-up and not a write.
 */
#include "agent/collect/store_sql.h"

#include <errno.h>
#include <xxhash.h>

#define HOUR_NS (INT64_C(3600) * 1000000000)

int store_remember(struct store *store, const char *key, int64_t now_ns, bool *ret_new)
{
        struct store_connection *connection = &store->writer;
        sqlite3_stmt *s = store_statement(connection, SQL_REMEMBER);
        int r;

        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, now_ns);
        r = store_run(s);
        if (r == 0)
                *ret_new = sqlite3_changes(connection->db) > 0;
        return r;
}

/* Looks up a row. 1 if it was found. Resets @s, so @ret and @ret_seen must take all values that are needed. */
static int look_up_row(sqlite3_stmt *s, int64_t *ret, int64_t *ret_seen)
{
        int code = sqlite3_step(s);

        if (code == SQLITE_ROW) {
                *ret = sqlite3_column_int64(s, 0);
                if (ret_seen)
                        *ret_seen = sqlite3_column_int64(s, 1);
        }
        sqlite3_reset(s);
        return code == SQLITE_ROW ? 1 : store_errno(code);
}

static int add_row(struct store_connection *connection, sqlite3_stmt *s, int64_t *ret)
{
        int r = store_run(s);

        if (r == 0)
                *ret = sqlite3_last_insert_rowid(connection->db);
        return r;
}

static int touch_row(struct store_connection *connection, enum store_statement which, int64_t id, int64_t seen,
                     int64_t hour)
{
        sqlite3_stmt *s;

        if (seen >= hour)
                return 0;
        s = store_statement(connection, which);
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_int64(s, 2, hour);
        return store_run(s);
}

static int add_series(struct store_connection *connection, const char *key, const char *attributes, int64_t seen_ns,
                      int64_t *ret)
{
        sqlite3_stmt *s = store_statement(connection, SQL_ADD_SERIES);

        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, attributes, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, seen_ns);
        return add_row(connection, s, ret);
}

int store_series(struct store *store, const char *key, const char *attributes, int64_t seen_ns, int64_t *ret)
{
        struct store_connection *connection = &store->writer;
        sqlite3_stmt *s = store_statement(connection, SQL_FIND_SERIES);
        int64_t id = 0;
        int r;

        sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
        r = look_up_row(s, &id, NULL);
        if (r == 0)
                return add_series(connection, key, attributes, seen_ns, ret);
        if (r < 0)
                return r;
        s = store_statement(connection, SQL_TOUCH_SERIES);
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_text(s, 2, attributes, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, seen_ns);
        r = store_run(s);
        if (r == 0)
                *ret = id;
        return r;
}

static void bind_function(sqlite3_stmt *s, const struct profile_function *function)
{
        sqlite3_bind_text(s, 1, function->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, function->file, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, function->first_line);
        sqlite3_bind_int64(s, 4, function->kind);
        sqlite3_bind_text(s, 5, function->build_id, -1, SQLITE_STATIC);
}

int store_function(struct store *store, const struct profile_function *function, int64_t seen_ns, int64_t *ret)
{
        struct store_connection *connection = &store->writer;
        sqlite3_stmt *s = store_statement(connection, SQL_FIND_FUNCTION);
        int64_t hour = seen_ns / HOUR_NS * HOUR_NS, id, seen;
        int r;

        bind_function(s, function);
        r = look_up_row(s, &id, &seen);
        if (r > 0)
                r = touch_row(connection, SQL_TOUCH_FUNCTION, id, seen, hour);
        else if (r == 0) {
                s = store_statement(connection, SQL_ADD_FUNCTION);
                bind_function(s, function);
                sqlite3_bind_int64(s, 6, hour);
                r = add_row(connection, s, &id);
        }
        if (r == 0)
                *ret = id;
        return r;
}

int store_stack(struct store *store, const void *frames, size_t len, int64_t seen_ns, int64_t *ret)
{
        struct store_connection *connection = &store->writer;
        sqlite3_stmt *s = store_statement(connection, SQL_FIND_STACK);
        int64_t hash = (int64_t)XXH3_64bits(frames, len), hour = seen_ns / HOUR_NS * HOUR_NS, id, seen;
        int r;

        sqlite3_bind_int64(s, 1, hash);
        sqlite3_bind_blob64(s, 2, frames, len, SQLITE_STATIC);
        r = look_up_row(s, &id, &seen);
        if (r > 0)
                r = touch_row(connection, SQL_TOUCH_STACK, id, seen, hour);
        else if (r == 0) {
                s = store_statement(connection, SQL_ADD_STACK);
                sqlite3_bind_int64(s, 1, hash);
                sqlite3_bind_blob64(s, 2, frames, len, SQLITE_STATIC);
                sqlite3_bind_int64(s, 3, hour);
                r = add_row(connection, s, &id);
        }
        if (r == 0)
                *ret = id;
        return r;
}

int store_slice(struct store *store, const struct store_slice *slice)
{
        struct store_connection *connection = &store->writer;
        sqlite3_stmt *s = store_statement(connection, SQL_ADD_SLICE);

        sqlite3_bind_int64(s, 1, slice->series);
        sqlite3_bind_int64(s, 2, slice->mode);
        sqlite3_bind_int64(s, 3, slice->start_ns);
        sqlite3_bind_int64(s, 4, slice->duration_ns);
        sqlite3_bind_int64(s, 5, (int64_t)slice->count);
        sqlite3_bind_int64(s, 6, (int64_t)slice->running_ns);
        /* For SQLite a null pointer means NULL, not an empty value. */
        sqlite3_bind_blob64(s, 7, slice->len > 0 ? slice->samples : "", slice->len, SQLITE_STATIC);
        int64_t id = 0;
        int r = add_row(connection, s, &id);
        if (r == 0)
                r = store_undo_sums(connection, slice->start_ns);
        return r < 0 ? r : store_add_books(connection, slice, id);
}
