/* SPDX-License-Identifier: Apache-2.0 */
/* The books of slices: the accounted time, and the time that samples stand for. */
#include "agent/collect/store_sql.h"

#include <string.h>

void store_bind_books(sqlite3_stmt *s, const struct store_books *books)
{
        for (int i = 0; i < STORE_TIMES; i++) {
                int64_t ns;

                memcpy(&ns, (const char *)&books->counters + store_times[i], sizeof(ns));
                sqlite3_bind_int64(s, i + 1, ns);
        }
        sqlite3_bind_int64(s, STORE_TIMES + 1, (int64_t)books->period_ns);
}

int store_add_books(struct store_connection *connection, const struct store_slice *slice, int64_t id)
{
        if (!slice->counters || slice->counters->accounted_ns == 0)
                return 0;

        sqlite3_stmt *s = store_statement(connection, SQL_ADD_BOOKS);
        const int64_t others[] = { id, slice->series, slice->mode, slice->start_ns };

        store_bind_books(s, &(struct store_books){ .counters = *slice->counters, .period_ns = slice->period_ns });
        for (int i = 0; i < (int)(sizeof(others) / sizeof(*others)); i++)
                sqlite3_bind_int64(s, STORE_TIMES + i + 2, others[i]);
        return store_run(s);
}

bool store_books_fit(const struct profile_counters *counters, uint64_t max)
{
        for (int i = 0; i < STORE_TIMES; i++) {
                uint64_t ns;

                memcpy(&ns, (const char *)counters + store_times[i], sizeof(ns));
                if (ns > max)
                        return false;
        }
        return true;
}

void store_get_books(sqlite3_stmt *s, int column, struct store_books *ret)
{
        *ret = (struct store_books){ .period_ns = (uint64_t)sqlite3_column_int64(s, column + STORE_TIMES) };
        for (int i = 0; i < STORE_TIMES; i++) {
                int64_t ns = sqlite3_column_int64(s, column + i);

                memcpy((char *)&ret->counters + store_times[i], &ns, sizeof(ns));
        }
}
