/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite database: opening, closing, transactions. There are two connections, so that a page that reads for a long
 * time does not keep agents waiting (WAL allows that). A database in memory has only one.
 *
 * synchronous=NORMAL: a crash of the program loses nothing that was answered with 200. A crash of the machine may lose
 * the last seconds.
 */
#include "agent/collect/collect.h"
#include "agent/collect/store_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "podflame.db"

/* How long to wait for a lock of another process, such as someone's sqlite3 shell. */
#define BUSY_MS 5000

static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = NORMAL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -16384;"
                               "PRAGMA journal_size_limit = 16777216;";

int store_errno(int sqlite)
{
        switch (sqlite & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_FULL:
                return -ENOSPC;
        default:
                return -EIO;
        }
}

sqlite3_stmt *store_statement(struct store_connection *connection, enum store_statement which)
{
        sqlite3_stmt *statement = connection->statements[which];

        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return statement;
}

int store_run(sqlite3_stmt *statement)
{
        int code;

        do
                code = sqlite3_step(statement);
        while (code == SQLITE_ROW);
        sqlite3_reset(statement);
        return store_errno(code);
}

/* ---- opening ------------------------------------------------------------- */

static int read_number(sqlite3 *db, const char *question, int *ret)
{
        sqlite3_stmt *statement;
        int code = sqlite3_prepare_v2(db, question, -1, &statement, NULL);

        if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
                *ret = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        return code;
}

static int upgrade_schema(sqlite3 *db, int version)
{
        int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

        for (; code == SQLITE_OK && version < STORE_VERSION; version++)
                code = sqlite3_exec(db, store_schema[version], NULL, NULL, NULL);
        return code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
}

/* Makes the tables in a new file, or the missing ones in an older file. A file of an unknown version is not changed. */
static int prepare_schema(sqlite3 *db, char *reason, size_t reason_size)
{
        int version = 0, tables = 0, code = read_number(db, "PRAGMA user_version", &version);

        if (code == SQLITE_OK && version == 0)
                code = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
        if (code == SQLITE_OK && tables > 0) {
                snprintf(reason, reason_size, "it is somebody else's: it holds tables that podflame has not made");
                return COLLECT_E_STORE;
        }
        if (code == SQLITE_OK && (version < 0 || version > STORE_VERSION)) {
                snprintf(reason, reason_size, "its version is %d, this program knows version %d", version,
                         STORE_VERSION);
                return COLLECT_E_STORE;
        }
        if (code == SQLITE_OK && version < STORE_VERSION)
                code = upgrade_schema(db, version);
        if (code != SQLITE_OK) {
                snprintf(reason, reason_size, "%s", sqlite3_errmsg(db));
                return COLLECT_E_STORE;
        }
        return 0;
}

/*
 * Makes the file readable by its owner alone, whatever the folder and the umask allow. SQLite gives the files beside it
 * the same mode. A link is refused: it would lead to a file that somebody else has chosen.
 */
static int make_file(const char *path, char *reason, size_t reason_size)
{
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        struct stat st;

        if (fd < 0) {
                snprintf(reason, reason_size, "%s",
                         errno == ELOOP ? "it is a symbolic link, which is not followed" : strerror(errno));
                return COLLECT_E_STORE;
        }
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                close(fd);
                snprintf(reason, reason_size, "it is not a regular file");
                return COLLECT_E_STORE;
        }
        if (st.st_uid == geteuid() && (st.st_mode & 077))
                fchmod(fd, 0600);
        close(fd);
        return 0;
}

static int prepare_statements(struct store_connection *connection)
{
        for (size_t i = 0; i < STORE_STATEMENTS; i++) {
                int code = sqlite3_prepare_v3(connection->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                              &connection->statements[i], NULL);
                if (code != SQLITE_OK)
                        return code;
        }
        return SQLITE_OK;
}

static int open_connection(struct store_connection *connection, const char *path, char *reason, size_t reason_size)
{
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
        int code = sqlite3_open_v2(path, &connection->db, flags, NULL), r;

        if (code == SQLITE_OK) {
                sqlite3_busy_timeout(connection->db, BUSY_MS);
                code = sqlite3_exec(connection->db, settings, NULL, NULL, NULL);
        }
        if (code == SQLITE_OK) {
                r = prepare_schema(connection->db, reason, reason_size);
                if (r != 0)
                        return r;
                code = prepare_statements(connection);
        }
        if (code == SQLITE_OK)
                return 0;
        snprintf(reason, reason_size, "%s", connection->db ? sqlite3_errmsg(connection->db) : "out of memory");
        return COLLECT_E_STORE;
}

static void close_connection(struct store_connection *connection)
{
        for (size_t i = 0; i < STORE_STATEMENTS; i++)
                sqlite3_finalize(connection->statements[i]);
        sqlite3_close(connection->db);
        pthread_mutex_destroy(&connection->lock);
}

static int open_connections(struct store *store, const char *path, char *reason, size_t reason_size)
{
        int r = open_connection(&store->writer, path ? path : ":memory:", reason, reason_size);

        if (r != 0 || !path)
                return r;
        store->reader = &store->reading;
        return open_connection(&store->reading, path, reason, reason_size);
}

int store_open(const char *dir, struct store **ret, char *reason, size_t reason_size)
{
        struct store *store = calloc(1, sizeof(*store));
        char *path = NULL, why[256] = "";
        int r = -ENOMEM;

        if (!store)
                return r;
        pthread_mutex_init(&store->writer.lock, NULL);
        pthread_mutex_init(&store->reading.lock, NULL);
        store->reader = &store->writer;
        if (dir) {
                /* What cannot be made cannot be opened either, which is then reported. */
                mkdir(dir, 0700);
                if (asprintf(&path, "%s/" FILE_NAME, dir) < 0) {
                        path = NULL;
                        goto out;
                }
        }
        r = path ? make_file(path, why, sizeof(why)) : 0;
        if (r == 0)
                r = open_connections(store, path, why, sizeof(why));
        if (r == COLLECT_E_STORE)
                snprintf(reason, reason_size, "cannot open the database %s: %s", path ? path : "in memory", why);
out:
        free(path);
        if (r == 0)
                *ret = store;
        else
                store_close(store);
        return r;
}

void store_close(struct store *store)
{
        if (!store)
                return;
        close_connection(&store->reading);
        close_connection(&store->writer);
        free(store);
}

/* ---- transactions -------------------------------------------------------- */

static int begin_transaction(struct store_connection *connection, enum store_statement how)
{
        int r;

        pthread_mutex_lock(&connection->lock);
        r = store_run(store_statement(connection, how));
        if (r < 0)
                pthread_mutex_unlock(&connection->lock);
        return r;
}

static int end_transaction(struct store_connection *connection, bool keep)
{
        int r = keep ? store_run(store_statement(connection, SQL_COMMIT)) : 0;

        /* Some errors have ended the transaction already. */
        if (!sqlite3_get_autocommit(connection->db))
                store_run(store_statement(connection, SQL_ROLLBACK));
        pthread_mutex_unlock(&connection->lock);
        return r;
}

int store_begin(struct store *store)
{
        return begin_transaction(&store->writer, SQL_BEGIN_WRITE);
}

int store_end(struct store *store, bool keep)
{
        return end_transaction(&store->writer, keep);
}

int store_read_begin(struct store *store)
{
        return begin_transaction(store->reader, SQL_BEGIN);
}

void store_read_end(struct store *store)
{
        /* These statements are still at a row, which would keep the transaction open. */
        sqlite3_reset(store->reader->statements[SQL_READ_SERIES]);
        sqlite3_reset(store->reader->statements[SQL_READ_STACK]);
        sqlite3_reset(store->reader->statements[SQL_READ_FUNCTION]);
        end_transaction(store->reader, false);
}
