/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLLECT_STORE_SQL_H
#define COLLECT_STORE_SQL_H

/* What the store's files share: the database's connections and statements. */

#include "agent/collect/store.h"

#include <pthread.h>
#include <sqlite3.h>

enum store_statement {
        SQL_BEGIN,
        SQL_BEGIN_WRITE,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_REMEMBER,
        SQL_FIND_SERIES,
        SQL_ADD_SERIES,
        SQL_TOUCH_SERIES,
        SQL_FIND_FUNCTION,
        SQL_ADD_FUNCTION,
        SQL_TOUCH_FUNCTION,
        SQL_FIND_STACK,
        SQL_ADD_STACK,
        SQL_TOUCH_STACK,
        SQL_ADD_SLICE,
        SQL_ADD_BOOKS,
        SQL_SERIES,
        SQL_READ_SERIES,
        SQL_SLICES_OF_ALL,
        SQL_SLICES_OF_ONE,
        SQL_SUM_SAMPLES_OF_ALL,
        SQL_SUM_SAMPLES_OF_ONE,
        SQL_SUM_TOTALS_OF_ALL,
        SQL_SUM_TOTALS_OF_ONE,
        SQL_STRETCHES,
        SQL_COVER,
        SQL_IS_SUMMED,
        SQL_NEXT_SLICE,
        SQL_EXTENT,
        SQL_ADD_STRETCH,
        SQL_ADD_SUM,
        SQL_ADD_SUM_SAMPLES,
        SQL_UNDO_SUMS,
        SQL_UNDO_OLDEST_SUMS,
        SQL_TOTALS_OF_ALL,
        SQL_TOTALS_OF_ONE,
        SQL_TOTALS_OF_ALL_WITH_SAMPLES,
        SQL_TOTALS_OF_ONE_WITH_SAMPLES,
        SQL_EDGES,
        SQL_READ_STACK,
        SQL_READ_FUNCTION,
        SQL_OLDEST,
        SQL_USED_BYTES,
        SQL_DROP_BEFORE,
        SQL_DROP_OLDEST,
        SQL_DROP_STACKS,
        SQL_DROP_FUNCTIONS,
        SQL_DROP_SERIES,
        SQL_FORGET,
        SQL_SHRINK,
        STORE_STATEMENTS,
};

/* store_schema[n - 1] makes a database of version n of one of version n - 1. A new one has version 0. */
#define STORE_VERSION 4
extern const char *const store_schema[STORE_VERSION];
extern const char *const store_sql[STORE_STATEMENTS];

/* A connection and its statements, for one thread at a time. */
struct store_connection {
        sqlite3 *db;
        pthread_mutex_t lock;
        sqlite3_stmt *statements[STORE_STATEMENTS];
};

struct store {
        struct store_connection writer, reading; /* a database in memory has only the writer */
        struct store_connection *reader;
};

/* Translates SQLite's error. 0, or a negative errno. */
int store_errno(int sqlite);

/* A statement, reset and without values. */
sqlite3_stmt *store_statement(struct store_connection *connection, enum store_statement which);

/* The times of struct profile_counters, in the order of the table's columns: their offsets. */
#define STORE_TIMES 9
extern const size_t store_times[STORE_TIMES];

/* Binds the moments of @range to ?1 and ?2. */
void store_bind_range(sqlite3_stmt *statement, const struct store_range *range);

/* Binds the times and the period to the first parameters. */
void store_bind_books(sqlite3_stmt *statement, const struct store_books *books);

/* Stores the books of slice @id, if it has any. */
int store_add_books(struct store_connection *connection, const struct store_slice *slice, int64_t id);

/* Reads the books in the current row of @statement, in its columns from @column on. */
void store_get_books(sqlite3_stmt *statement, int column, struct store_books *ret);

/* Stretches of time for which there are sums: 5 minutes, 1 hour, 6 hours. Each is a multiple of the one before. */
#define STORE_SPANS 3
extern const int64_t store_spans[STORE_SPANS];

/* A part of a range that is read in one way. */
struct store_piece {
        int64_t span_ns; /* of the sums; 0: slices */
        int64_t from_ns, to_ns;
};

struct store_plan {
        struct store_piece *pieces;
        size_t n, size;
};

/*
 * Divides a range into pieces, in the order of time. @spans: how many of store_spans may be used. @far: also stretches
 * with slices that reach beyond the next stretch. -ENOMEM. The caller frees @ret->pieces in any case.
 */
int store_plan(struct store_connection *connection, const struct store_range *range, int spans, bool far,
               struct store_plan *ret);

/* store_each_total() and store_each_slice() by a connection and a plan. */
int store_each_total_of(struct store_connection *connection, const struct store_plan *plan,
                        const struct store_range *range, bool samples,
                        int (*visit)(void *ctx, const struct store_total *total), void *ctx);
int store_each_slice_of(struct store_connection *connection, const struct store_plan *plan,
                        const struct store_range *range, enum profile_mode mode,
                        int (*visit)(void *ctx, const struct store_slice *slice), void *ctx);

/* Forgets the sums that a slice of this start belongs to. The writer calls it in its transaction. */
int store_undo_sums(struct store_connection *connection, int64_t start_ns);

/* Runs a statement that returns no rows. */
int store_run(sqlite3_stmt *statement);

#endif
