/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and statements, as data.
 *
 * A slice is one profile as it was sent. Its samples are one packed value that refers to stacks by id. A stack is one
 * packed value that refers to functions. So a page that shows an hour reads some thousand rows and not millions, and
 * adds up the rest by itself.
 *
 * Stacks and functions note the latest hour in which a slice needed them ("seen"). If that hour lies before the oldest
 * slice's, no slice needs them any more. A foreign key could not show that for packed values.
 */
#include "agent/collect/store_sql.h"

/* auto_vacuum works only if it is set before the first table is made. */
static const char slices[] = "CREATE TABLE series ("
                             "  id INTEGER PRIMARY KEY,"
                             "  key TEXT NOT NULL UNIQUE,"
                             "  attributes TEXT NOT NULL,"
                             "  first_seen INTEGER NOT NULL,"
                             "  last_seen INTEGER NOT NULL"
                             ") STRICT;"
                             "CREATE TABLE function ("
                             "  id INTEGER PRIMARY KEY,"
                             "  name TEXT NOT NULL,"
                             "  file TEXT NOT NULL,"
                             "  first_line INTEGER NOT NULL,"
                             "  seen INTEGER NOT NULL,"
                             "  UNIQUE (name, file, first_line)"
                             ") STRICT;"
                             "CREATE INDEX function_seen ON function (seen);"
                             "CREATE TABLE stack ("
                             "  id INTEGER PRIMARY KEY,"
                             "  hash INTEGER NOT NULL,"
                             "  frames BLOB NOT NULL,"
                             "  seen INTEGER NOT NULL"
                             ") STRICT;"
                             "CREATE INDEX stack_hash ON stack (hash);"
                             "CREATE INDEX stack_seen ON stack (seen);"
                             "CREATE TABLE slice ("
                             "  id INTEGER PRIMARY KEY,"
                             "  series INTEGER NOT NULL REFERENCES series (id),"
                             "  mode INTEGER NOT NULL,"
                             "  start INTEGER NOT NULL,"
                             "  duration INTEGER NOT NULL,"
                             "  count INTEGER NOT NULL,"
                             "  running INTEGER NOT NULL,"
                             "  samples BLOB NOT NULL"
                             ") STRICT;"
                             /* This index covers the list of series. */
                             "CREATE INDEX slice_start ON slice (start, series, mode, count, running);"
                             "CREATE INDEX slice_series ON slice (series, mode, start);"
                             "CREATE TABLE batch ("
                             "  key TEXT PRIMARY KEY,"
                             "  received INTEGER NOT NULL"
                             ") STRICT, WITHOUT ROWID;"
                             "PRAGMA user_version = 1;";

/*
 * The books have their own table. Most queries do not need them. In a database of an older version they would stand
 * behind the slices' long values.
 */
static const char books[] = "CREATE TABLE books ("
                            "  slice INTEGER PRIMARY KEY REFERENCES slice (id) ON DELETE CASCADE,"
                            "  series INTEGER NOT NULL,"
                            "  mode INTEGER NOT NULL,"
                            "  start INTEGER NOT NULL,"
                            "  period INTEGER NOT NULL,"
                            "  accounted INTEGER NOT NULL,"
                            "  sampled INTEGER NOT NULL,"
                            "  native INTEGER NOT NULL,"
                            "  left_out INTEGER NOT NULL,"
                            "  unopened INTEGER NOT NULL,"
                            "  torn INTEGER NOT NULL,"
                            "  late INTEGER NOT NULL,"
                            "  gone INTEGER NOT NULL,"
                            "  failed INTEGER NOT NULL"
                            ") STRICT;"
                            "CREATE INDEX books_start ON books (start, mode);"
                            "CREATE INDEX books_series ON books (series, mode, start);"
                            "PRAGMA user_version = 2;";

/*
 * Functions of native code. SQLite cannot change what is unique, so the table is made anew. Functions keep their ids:
 * packed stacks refer to them.
 */
static const char kinds[] = "CREATE TABLE function_of_any_kind ("
                            "  id INTEGER PRIMARY KEY,"
                            "  name TEXT NOT NULL,"
                            "  file TEXT NOT NULL,"
                            "  first_line INTEGER NOT NULL,"
                            "  kind INTEGER NOT NULL,"
                            "  build_id TEXT NOT NULL,"
                            "  seen INTEGER NOT NULL,"
                            "  UNIQUE (name, file, first_line, kind, build_id)"
                            ") STRICT;"
                            "INSERT INTO function_of_any_kind (id, name, file, first_line, kind, build_id, seen)"
                            "  SELECT id, name, file, first_line, 0, '', seen FROM function;"
                            "DROP TABLE function;"
                            "ALTER TABLE function_of_any_kind RENAME TO function;"
                            "CREATE INDEX function_seen ON function (seen);"
                            "PRAGMA user_version = 3;";

/*
 * Sums of stretches of time: the samples of all slices that start in one, by series and mode. A stretch is in "stretch"
 * only if its sums hold all of its slices. One that gets a late slice, or loses an old one, leaves the table, and its
 * sums with it; it is summed again later. So a range is always read right: by sums where there are any, and by slices
 * elsewhere.
 *
 * "over" is the part of a sum that lies beyond the stretch's end, as its last slices last beyond it. A stretch is "far"
 * if that reaches beyond the next stretch. The duration in the index tells of gaps without reading slices.
 */
static const char sums[] = "CREATE TABLE stretch ("
                           "  id INTEGER PRIMARY KEY,"
                           "  span INTEGER NOT NULL,"
                           "  start INTEGER NOT NULL,"
                           "  first_start INTEGER NOT NULL,"
                           "  last_end INTEGER NOT NULL,"
                           "  far INTEGER NOT NULL,"
                           "  UNIQUE (span, start)"
                           ") STRICT;"
                           "CREATE TABLE sum ("
                           "  id INTEGER PRIMARY KEY,"
                           "  stretch INTEGER NOT NULL REFERENCES stretch (id) ON DELETE CASCADE,"
                           "  series INTEGER NOT NULL,"
                           "  mode INTEGER NOT NULL,"
                           "  slices INTEGER NOT NULL,"
                           "  count INTEGER NOT NULL,"
                           "  running INTEGER NOT NULL,"
                           "  ns INTEGER NOT NULL,"
                           "  over_count REAL NOT NULL,"
                           "  over_ns REAL NOT NULL,"
                           "  period INTEGER NOT NULL,"
                           "  accounted INTEGER NOT NULL,"
                           "  sampled INTEGER NOT NULL,"
                           "  native INTEGER NOT NULL,"
                           "  left_out INTEGER NOT NULL,"
                           "  unopened INTEGER NOT NULL,"
                           "  torn INTEGER NOT NULL,"
                           "  late INTEGER NOT NULL,"
                           "  gone INTEGER NOT NULL,"
                           "  failed INTEGER NOT NULL,"
                           "  periods BLOB NOT NULL,"
                           "  UNIQUE (stretch, series, mode)"
                           ") STRICT;"
                           "CREATE TABLE sum_samples ("
                           "  sum INTEGER PRIMARY KEY REFERENCES sum (id) ON DELETE CASCADE,"
                           "  samples BLOB NOT NULL"
                           ") STRICT;"
                           "DROP INDEX slice_start;"
                           "CREATE INDEX slice_start ON slice (start, series, mode, count, running, duration);"
                           "PRAGMA user_version = 4;";

const char *const store_schema[STORE_VERSION] = { slices, books, kinds, sums };

const size_t store_times[STORE_TIMES] = {
        offsetof(struct profile_counters, accounted_ns), offsetof(struct profile_counters, sampled_ns),
        offsetof(struct profile_counters, native_ns),    offsetof(struct profile_counters, left_out_ns),
        offsetof(struct profile_counters, unopened_ns),  offsetof(struct profile_counters, torn_ns),
        offsetof(struct profile_counters, late_ns),      offsetof(struct profile_counters, gone_ns),
        offsetof(struct profile_counters, failed_ns),
};

#define TIMES "accounted, sampled, native, left_out, unopened, torn, late, gone, failed, period"

#define TOTALS(samples, index)                                                                            \
        "SELECT slice.series, slice.mode, slice.start, duration, 1, count, running, -1, 0.0, 0.0, " TIMES \
        ", NULL, " samples " FROM slice INDEXED BY " index " LEFT JOIN books ON books.slice = slice.id"   \
        " WHERE slice.start >= ?1 AND slice.start < ?2"
/* The modes are named, so that SQLite finds the series in the index for each of them. */
#define OF_ONE " AND slice.series = ?4 AND slice.mode IN (0, 1, 2, 3)"

/* Sums, in the same columns. */
#define SUM_TOTALS                                                                                                  \
        "SELECT sum.series, sum.mode, stretch.start, span, slices, count, running, ns, over_count, over_ns, " TIMES \
        ", periods, NULL" FROM_SUMS
#define FROM_SUMS                                                  \
        " FROM stretch CROSS JOIN sum ON sum.stretch = stretch.id" \
        " WHERE stretch.span = ?5 AND stretch.start >= ?1 AND stretch.start < ?2"
#define SUM_SAMPLES                                                                                      \
        "SELECT sum.series, stretch.start, span, samples FROM stretch"                                   \
        " CROSS JOIN sum ON sum.stretch = stretch.id CROSS JOIN sum_samples ON sum_samples.sum = sum.id" \
        " WHERE stretch.span = ?5 AND stretch.start >= ?1 AND stretch.start < ?2 AND sum.mode = ?3"

const char *const store_sql[STORE_STATEMENTS] = {
        [SQL_BEGIN] = "BEGIN",
        [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_REMEMBER] = "INSERT OR IGNORE INTO batch (key, received) VALUES (?1, ?2)",
        [SQL_FIND_SERIES] = "SELECT id FROM series WHERE key = ?1",
        [SQL_ADD_SERIES] = "INSERT INTO series (key, attributes, first_seen, last_seen) VALUES (?1, ?2, ?3, ?3)",
        [SQL_TOUCH_SERIES] = "UPDATE series SET attributes = iif(?3 >= last_seen, ?2, attributes),"
                             " first_seen = min(first_seen, ?3), last_seen = max(last_seen, ?3) WHERE id = ?1",
        [SQL_FIND_FUNCTION] = "SELECT id, seen FROM function WHERE name = ?1 AND file = ?2 AND first_line = ?3"
                              " AND kind = ?4 AND build_id = ?5",
        [SQL_ADD_FUNCTION] = "INSERT INTO function (name, file, first_line, kind, build_id, seen)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [SQL_TOUCH_FUNCTION] = "UPDATE function SET seen = ?2 WHERE id = ?1",
        [SQL_FIND_STACK] = "SELECT id, seen FROM stack WHERE hash = ?1 AND frames = ?2",
        [SQL_ADD_STACK] = "INSERT INTO stack (hash, frames, seen) VALUES (?1, ?2, ?3)",
        [SQL_TOUCH_STACK] = "UPDATE stack SET seen = ?2 WHERE id = ?1",
        [SQL_ADD_SLICE] = "INSERT INTO slice (series, mode, start, duration, count, running, samples)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [SQL_ADD_BOOKS] = "INSERT INTO books (" TIMES ", slice, series, mode, start)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        [SQL_SERIES] = "SELECT id, attributes, first_seen, last_seen FROM series WHERE ?1 = 0 OR id = ?1 ORDER BY id",
        [SQL_READ_SERIES] = "SELECT attributes FROM series WHERE id = ?1",
        [SQL_SLICES_OF_ALL] = "SELECT series, start, duration, samples FROM slice INDEXED BY slice_start"
                              " WHERE start >= ?1 AND start < ?2 AND mode = ?3",
        [SQL_SLICES_OF_ONE] = "SELECT series, start, duration, samples FROM slice INDEXED BY slice_series"
                              " WHERE start >= ?1 AND start < ?2 AND mode = ?3 AND series = ?4",
        [SQL_SUM_SAMPLES_OF_ALL] = SUM_SAMPLES,
        [SQL_SUM_SAMPLES_OF_ONE] = SUM_SAMPLES " AND sum.series = ?4",
        [SQL_SUM_TOTALS_OF_ALL] = SUM_TOTALS,
        [SQL_SUM_TOTALS_OF_ONE] = SUM_TOTALS " AND sum.series = ?4",
        [SQL_STRETCHES] = "SELECT start, first_start, last_end FROM stretch"
                          " WHERE span = ?3 AND start >= ?1 AND start + span <= ?2 AND far <= ?4 ORDER BY start",
        [SQL_COVER] = "SELECT start, duration FROM slice INDEXED BY slice_start WHERE start >= ?1 AND start < ?2"
                      " ORDER BY start",
        [SQL_IS_SUMMED] = "SELECT 1 FROM stretch WHERE span = ?1 AND start = ?2",
        [SQL_NEXT_SLICE] = "SELECT min(start) FROM slice WHERE start >= ?1",
        [SQL_EXTENT] = "SELECT min(start), max(start + duration) FROM slice INDEXED BY slice_start"
                       " WHERE start >= ?1 AND start < ?2",
        [SQL_ADD_STRETCH] = "INSERT INTO stretch (span, start, first_start, last_end, far)"
                            " VALUES (?1, ?2, ?3, ?4, ?5)",
        [SQL_ADD_SUM] = "INSERT INTO sum (" TIMES ", stretch, series, mode, slices, count, running, ns, over_count,"
                        " over_ns, periods) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
                        " ?16, ?17, ?18, ?19, ?20)",
        [SQL_ADD_SUM_SAMPLES] = "INSERT INTO sum_samples (sum, samples) VALUES (?1, ?2)",
        [SQL_UNDO_SUMS] = "DELETE FROM stretch WHERE span = ?1 AND start = ?2",
        [SQL_UNDO_OLDEST_SUMS] = "DELETE FROM stretch WHERE start <="
                                 " (SELECT ifnull(min(start), 9223372036854775807) FROM slice)",
        [SQL_TOTALS_OF_ALL] = TOTALS("NULL", "slice_start"),
        [SQL_TOTALS_OF_ONE] = TOTALS("NULL", "slice_series") OF_ONE,
        [SQL_TOTALS_OF_ALL_WITH_SAMPLES] = TOTALS("samples", "slice_start"),
        [SQL_TOTALS_OF_ONE_WITH_SAMPLES] = TOTALS("samples", "slice_series") OF_ONE,
        /* The last slice that ends is among the last that start. */
        [SQL_EDGES] =
                "SELECT (SELECT max(start + duration) FROM (SELECT start, duration FROM slice INDEXED BY slice_start"
                "  WHERE start < ?1 ORDER BY start DESC LIMIT 1000)), (SELECT min(start) FROM slice WHERE start >= ?2)",
        [SQL_READ_STACK] = "SELECT frames FROM stack WHERE id = ?1",
        [SQL_READ_FUNCTION] = "SELECT name, file, first_line, kind, build_id FROM function WHERE id = ?1",
        [SQL_OLDEST] = "SELECT min(start) FROM slice",
        [SQL_USED_BYTES] = "SELECT (page_count - freelist_count) * page_size"
                           " FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [SQL_DROP_BEFORE] = "DELETE FROM slice WHERE id IN"
                            " (SELECT id FROM slice WHERE start < ?1 ORDER BY start LIMIT ?2)",
        [SQL_DROP_OLDEST] = "DELETE FROM slice WHERE id IN (SELECT id FROM slice ORDER BY start LIMIT ?1)",
        [SQL_DROP_STACKS] = "DELETE FROM stack WHERE id IN (SELECT id FROM stack WHERE seen < ?1 LIMIT ?2)",
        [SQL_DROP_FUNCTIONS] = "DELETE FROM function WHERE id IN (SELECT id FROM function WHERE seen < ?1 LIMIT ?2)",
        [SQL_DROP_SERIES] = "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM slice WHERE slice.series = series.id)",
        [SQL_FORGET] = "DELETE FROM batch WHERE received < ?1",
        [SQL_SHRINK] = "PRAGMA incremental_vacuum(1000)",
};
