/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collect/ingest.h"
#include "agent/collect/query.h"
#include "agent/collect/store.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

SUITE(collect_store);

#define HOUR 3600
#define NS INT64_C(1000000000)

static struct store *open_store(const char *dir)
{
        struct store *store;
        char reason[512] = "";

        cr_assert_eq(store_open(dir, &store, reason, sizeof(reason)), 0, "%s", reason);
        return store;
}

static void add(struct store *store, struct profile *profile)
{
        struct ingest_result result;
        const char *error = "";
        size_t len;
        char *json = encode(profile, &len);

        cr_assert_eq(collect_ingest(store, json, len, NULL, 0, &result, &error), 0, "%s", error);
        cr_assert_eq(result.accepted, 1);
        free(json);
}

/* A container's only function, named after it. */
static struct profile *lone(const char *name, int64_t start_s)
{
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, name, "/app/a.py", 1), 2);

        profile_set_settings(p, &(struct profile_settings){ .start_ns = (uint64_t)(start_s * NS),
                                                            .period_ns = 10000000,
                                                            .engine = "perf" });
        profile_set_attribute(p, "container.id", name);
        profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, 1, 10000000);
        return p;
}

static int64_t samples(struct store *store)
{
        struct collect_query query = { .selection.range = { .to_ns = INT64_MAX } };
        struct profile_set set;
        struct collect_meta meta;

        cr_assert_eq(collect_query(store, &query, &set, &meta), 0);
        profile_set_deinit(&set);
        return (int64_t)meta.samples;
}

static int64_t count_rows(const char *dir, const char *table)
{
        char path[256], sql[128];
        sqlite3_stmt *s;
        sqlite3 *db;

        snprintf(path, sizeof(path), "%s/podflame.db", dir);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
        cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
        int64_t n = sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return n;
}

Test(collect_store, equal_stacks_are_stored_once)
{
        const char *dir = make_dir();
        struct store *store = open_store(dir);

        for (int i = 0; i < 20; i++)
                add(store, make_profile(i % 2 ? "a" : "b", PROFILE_MODE_CPU, 1000 + i * HOUR, 1));
        cr_assert_eq(count_rows(dir, "slice"), 20);
        cr_assert_eq(count_rows(dir, "series"), 2);
        cr_assert_eq(count_rows(dir, "stack"), 2);
        cr_assert_eq(count_rows(dir, "function"), 3);
        cr_assert_eq(samples(store), 200);
        store_close(store);
        remove_dir(dir);
}

/* What is removed takes with it what only it needed, and nothing else. */
Test(collect_store, retention_removes_what_none_needs)
{
        const char *dir = make_dir();
        struct store *store = open_store(dir);
        char name[32];

        for (int i = 0; i < 1200; i++) {
                snprintf(name, sizeof(name), "old-%d", i);
                add(store, lone(name, 10 * HOUR + i));
        }
        for (int i = 0; i < 10; i++)
                add(store, lone("both", (i < 5 ? 10 : 20) * HOUR + i));
        add(store, lone("new", 20 * HOUR));
        cr_assert_eq(count_rows(dir, "stack"), 1202);

        cr_assert_eq(store_retain(store, 10 * HOUR * NS, 0, 0), 0);
        cr_assert_eq(count_rows(dir, "slice"), 1211, "nothing is that old");
        cr_assert_eq(store_retain(store, 15 * HOUR * NS, 0, 0), 0);
        cr_assert_eq(count_rows(dir, "slice"), 6);
        cr_assert_eq(count_rows(dir, "stack"), 2);
        cr_assert_eq(count_rows(dir, "function"), 2);
        cr_assert_eq(count_rows(dir, "series"), 2);
        cr_assert_eq(samples(store), 6);
        add(store, lone("old-7", 20 * HOUR));
        cr_assert_eq(samples(store), 7);

        cr_assert_eq(store_retain(store, 30 * HOUR * NS, 0, 0), 0);
        cr_assert_eq(count_rows(dir, "stack") + count_rows(dir, "function") + count_rows(dir, "series"), 0);
        store_close(store);
        remove_dir(dir);
}

/* A late slice keeps its stacks, whatever hour they were last seen in. */
Test(collect_store, late_slices_keep_their_stacks)
{
        const char *dir = make_dir();
        struct store *store = open_store(dir);

        add(store, lone("a", 20 * HOUR));
        add(store, lone("a", 10 * HOUR));
        add(store, lone("b", 12 * HOUR));
        cr_assert_eq(store_retain(store, 11 * HOUR * NS, 0, 0), 0);
        cr_assert_eq(samples(store), 2);
        cr_assert_eq(count_rows(dir, "stack"), 2);
        store_close(store);
        remove_dir(dir);
}

Test(collect_store, retention_by_size_drops_the_oldest)
{
        const char *dir = make_dir();
        struct store *store = open_store(dir);
        char name[200];

        for (int i = 0; i < 3000; i++) {
                memset(name, 'n', sizeof(name));
                snprintf(name, sizeof(name), "%09d", i);
                name[9] = 'x';
                name[sizeof(name) - 1] = '\0';
                add(store, lone(name, (int64_t)HOUR * i));
        }
        cr_assert_eq(store_retain(store, 0, 1 << 30, 0), 0);
        cr_assert_eq(count_rows(dir, "slice"), 3000);
        cr_assert_eq(store_retain(store, 0, 1 << 20, 0), 0);
        int64_t left = count_rows(dir, "slice");
        cr_assert(left > 0 && left < 3000 && left % 500 == 0, "%lld", (long long)left);
        cr_assert_eq(count_rows(dir, "stack"), left);
        cr_assert_eq(samples(store), left);

        struct collect_query query = { .selection.range = { .from_ns = (3000 - left) * HOUR * NS,
                                                            .to_ns = INT64_MAX } };
        struct profile_set set;
        struct collect_meta meta;
        cr_assert_eq(collect_query(store, &query, &set, &meta), 0);
        cr_assert_eq((int64_t)meta.samples, left, "the newest are left");
        profile_set_deinit(&set);
        store_close(store);
        remove_dir(dir);
}

Test(collect_store, keys_are_forgotten)
{
        struct store *store = open_store(NULL);
        bool is_new;

        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 2; i++) {
                        cr_assert_eq(store_begin(store), 0);
                        cr_assert_eq(store_remember(store, "key", 1000, &is_new), 0);
                        cr_assert_eq(is_new, i == 0);
                        cr_assert_eq(store_end(store, true), 0);
                }
                cr_assert_eq(store_retain(store, 0, 0, 1001), 0);
        }
        store_close(store);
}

Test(collect_store, what_is_not_kept_is_undone)
{
        struct store *store = open_store(NULL);
        int64_t id;
        bool is_new;

        cr_assert_eq(store_begin(store), 0);
        cr_assert_eq(store_series(store, "a", "{}", 1, &id), 0);
        cr_assert_eq(store_remember(store, "key", 1000, &is_new), 0);
        cr_assert_eq(store_end(store, false), 0);
        cr_assert_eq(store_begin(store), 0);
        cr_assert_eq(store_remember(store, "key", 1000, &is_new), 0);
        cr_assert(is_new);
        cr_assert_eq(store_end(store, true), 0);
        cr_assert_eq(store_read_begin(store), 0);
        const char *attributes;
        cr_assert_eq(store_read_series(store, id, &attributes), -ENOENT);
        store_read_end(store);
        store_close(store);
}

/* Rare stacks beyond the bound are one; no sample is lost. */
Test(collect_store, cut_off_stacks_still_count)
{
        struct store *store = open_store(NULL);
        struct collect_query query = { .selection.range = { .to_ns = INT64_MAX }, .apart = true, .stacks_max = 10 };
        struct profile *p = profile_new();
        struct profile_set set;
        struct collect_meta meta;
        struct profile_top *tops;
        uint64_t wanted = 0;
        size_t n;

        profile_set_settings(p, &(struct profile_settings){ .start_ns = 1000 * NS, .period_ns = 10000000 });
        for (uint64_t i = 1; i <= 100; i++, wanted += i) {
                char name[16];
                snprintf(name, sizeof(name), "f%llu", (unsigned long long)i);
                profile_id frame = interned_frame(p, interned_function(p, name, "a.py", 1), 1);
                profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, i, i * 10000000);
        }
        add(store, p);
        cr_assert_eq(collect_query(store, &query, &set, &meta), 0);
        cr_assert_eq(meta.samples, 5050);
        cr_assert_eq(set.n, 1);
        cr_assert_eq(profile_top(set.items[0], 100, &tops, &n), 0);
        cr_assert_eq(n, 11);
        cr_assert_str_eq(tops[0].name, COLLECT_REST);
        cr_assert_eq(tops[0].self, 5050 - (91 + 100) * 10 / 2);
        cr_assert_str_eq(tops[1].name, "f100");
        free(tops);
        profile_set_deinit(&set);
        store_close(store);
}

/* A database that was tampered with: pages show less, nothing crashes. */
Test(collect_store, damaged_values)
{
        static const char *const damages[] = {
                "UPDATE slice SET samples = x'ffffffffffffffffffffffff'",
                "UPDATE slice SET samples = x'01'",
                "UPDATE slice SET samples = x''",
                "UPDATE slice SET samples = x'7f000101'",
                "UPDATE stack SET frames = x'ff'",
                "UPDATE stack SET frames = x''",
                "UPDATE stack SET frames = x'7f01'",
                "DELETE FROM stack",
                "DELETE FROM function",
                "UPDATE series SET attributes = 'x'",
                "UPDATE series SET attributes = '[1]'",
        };
        const char *dir = make_dir();
        char path[256];

        snprintf(path, sizeof(path), "%s/podflame.db", dir);
        for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
                struct store *store = open_store(dir);
                struct collect_query query = { .selection.range = { .to_ns = INT64_MAX }, .apart = true };
                struct profile_set set;
                struct collect_meta meta;
                sqlite3 *db;

                add(store, make_profile("aaaa", PROFILE_MODE_CPU, 1000, 1));
                cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
                cr_assert_eq(sqlite3_exec(db, damages[i], NULL, NULL, NULL), SQLITE_OK, "%s", damages[i]);
                sqlite3_close(db);
                cr_expect_eq(collect_query(store, &query, &set, &meta), 0, "%s", damages[i]);
                profile_set_deinit(&set);
                store_close(store);
        }
        remove_dir(dir);
}
