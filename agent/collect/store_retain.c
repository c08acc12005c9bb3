/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes slices that are too old or too many. Each step is a transaction of at most STEP rows and some milliseconds,
 * so that agents can deliver in between.
 */
#include "agent/collect/store_sql.h"

#include <errno.h>

#define STEP 500

#define HOUR_NS (INT64_C(3600) * 1000000000)

/* Runs @which once in a transaction. @ret_rows is the number of rows that it removed. */
static int remove_rows_once(struct store *store, enum store_statement which, const int64_t *values, size_t n,
                            int *ret_rows)
{
        int r = store_begin(store), ended;
        sqlite3_stmt *s;

        if (r < 0)
                return r;
        s = store_statement(&store->writer, which);
        for (size_t i = 0; i < n; i++)
                sqlite3_bind_int64(s, (int)i + 1, values[i]);
        r = store_run(s);
        *ret_rows = sqlite3_changes(store->writer.db);
        if (r == 0 && *ret_rows > 0 && (which == SQL_DROP_BEFORE || which == SQL_DROP_OLDEST))
                r = store_run(store_statement(&store->writer, SQL_UNDO_OLDEST_SUMS));
        ended = store_end(store, r == 0);
        return r < 0 ? r : ended;
}

static int remove_all_rows_before(struct store *store, enum store_statement which, int64_t before)
{
        int rows, r;

        do
                r = remove_rows_once(store, which, (int64_t[]){ before, STEP }, 2, &rows);
        while (r == 0 && rows == STEP);
        return r;
}

/* Reads a single number; @none if there is none. */
static int64_t read_single_number(struct store *store, enum store_statement which, int64_t none)
{
        struct store_connection *connection = &store->writer;
        int64_t number = none;
        sqlite3_stmt *s;

        pthread_mutex_lock(&connection->lock);
        s = store_statement(connection, which);
        if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
                number = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        pthread_mutex_unlock(&connection->lock);
        return number;
}

/* Removes everything that no slice refers to any more. */
static int remove_unreferenced(struct store *store)
{
        int64_t oldest = read_single_number(store, SQL_OLDEST, INT64_MAX), before = oldest / HOUR_NS * HOUR_NS;
        int rows, r = remove_all_rows_before(store, SQL_DROP_STACKS, before);

        if (r == 0)
                r = remove_all_rows_before(store, SQL_DROP_FUNCTIONS, before);
        return r == 0 ? remove_rows_once(store, SQL_DROP_SERIES, NULL, 0, &rows) : r;
}

static int remove_oldest_beyond(struct store *store, int64_t max_bytes)
{
        int rows = STEP, r = 0;

        while (r == 0 && rows > 0 && read_single_number(store, SQL_USED_BYTES, 0) > max_bytes) {
                r = remove_rows_once(store, SQL_DROP_OLDEST, (int64_t[]){ STEP }, 1, &rows);
                if (r == 0)
                        r = remove_unreferenced(store);
        }
        return r;
}

/* Gives free pages back to the file system, a thousand at a time. */
static int return_free_pages(struct store *store)
{
        struct store_connection *connection = &store->writer;
        int r;

        pthread_mutex_lock(&connection->lock);
        r = store_run(store_statement(connection, SQL_SHRINK));
        pthread_mutex_unlock(&connection->lock);
        return r;
}

int store_retain(struct store *store, int64_t before_ns, uint64_t max_bytes, int64_t forget_ns)
{
        int rows, r = remove_rows_once(store, SQL_FORGET, (int64_t[]){ forget_ns }, 1, &rows);

        if (r == 0 && before_ns > 0)
                r = remove_all_rows_before(store, SQL_DROP_BEFORE, before_ns);
        if (r == 0)
                r = remove_unreferenced(store);
        if (r == 0 && max_bytes > 0)
                r = remove_oldest_beyond(store, max_bytes > INT64_MAX ? INT64_MAX : (int64_t)max_bytes);
        return r == 0 ? return_free_pages(store) : r;
}
