/* SPDX-License-Identifier: Apache-2.0 */
/* The books of what a collector keeps: summed over the range that is asked for, and removed with their slices. */
#include "agent/collect/ingest.h"
#include "agent/collect/query.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(collect_books);

#define NS INT64_C(1000000000)
#define SECOND UINT64_C(1000000000)

/* A window of a container of which @accounted seconds were accounted, of which half were before it was opened. */
static struct profile *window(const char *container, int64_t start_s, uint64_t accounted)
{
        struct profile *p = make_profile(container, PROFILE_MODE_CPU, start_s, 1);

        profile_counters(p)->accounted_ns = accounted * SECOND;
        profile_counters(p)->sampled_ns = accounted * SECOND / 2;
        profile_counters(p)->unopened_ns = accounted * SECOND / 2;
        return p;
}

static struct profile *without_samples(const char *container, int64_t start_s, uint64_t accounted)
{
        struct profile *p = profile_new();

        profile_set_attribute(p, "container.id", container);
        profile_set_settings(p,
                             &(struct profile_settings){ .start_ns = (uint64_t)(start_s * NS), .period_ns = 10000000 });
        profile_counters(p)->accounted_ns = accounted;
        return p;
}

static void post(struct collect *collect, struct profile *profile)
{
        cr_assert_eq(post_profile(collect, profile, NULL), 200);
}

static double real_at(struct json_object *json, const char *path)
{
        struct json_object *value = at(json, path);

        cr_assert_not_null(value, "%s in %s", path, json_object_to_json_string(json));
        return json_object_get_double(value);
}

Test(collect_books, are_summed_over_the_range_and_by_series)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        post(collect, window("aaaa", 1000, 1));
        post(collect, window("aaaa", 1010, 2));
        post(collect, window("bbbb", 1010, 4));
        post(collect, window("aaaa", 1020, 8));

        static const struct {
                const char *path;
                double accounted;
        } rows[] = {
                { "/api/v1/tree?series=1&from=1&to=2000", 11 },   { "/api/v1/tree?series=2&from=1&to=2000", 4 },
                { "/api/v1/tree?series=all&from=1&to=2000", 15 }, { "/api/v1/tree?series=1&from=1005&to=1015", 2 },
                { "/api/v1/tree?from=1005&to=1015", 6 },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct json_object *tree = get_json(collect, rows[i].path);

                cr_expect_float_eq(real_at(tree, "meta/coverage/accounted"), rows[i].accounted, 1e-9, "%s",
                                   rows[i].path);
                cr_expect_float_eq(real_at(tree, "meta/coverage/share"), 0.5, 1e-9);
                cr_expect_str_eq(text_at(tree, "meta/coverage/losses/0/name"), "unopened");
                cr_expect_float_eq(real_at(tree, "meta/coverage/losses/0/seconds"), rows[i].accounted / 2, 1e-9);
                cr_expect(json_object_get_boolean(at(tree, "meta/coverage/low")));
                json_object_put(tree);
        }
        collect_close(collect);
}

Test(collect_books, the_list_has_each_series_coverage)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        struct profile *good = window("good", 1000, 2);

        profile_counters(good)->sampled_ns = 2 * SECOND;
        profile_counters(good)->unopened_ns = 0;
        post(collect, good);
        post(collect, window("low", 1000, 2));
        post(collect, make_profile("unknown", PROFILE_MODE_CPU, 1000, 1));
        struct json_object *series = get_json(collect, "/api/v1/series?from=1&to=2000");

        cr_assert_eq(json_object_array_length(series), 3);
        cr_expect_float_eq(real_at(series, "0/coverage"), 1, 1e-9);
        cr_expect(!json_object_get_boolean(at(series, "0/coverage_low")));
        cr_expect_float_eq(real_at(series, "1/coverage"), 0.5, 1e-9);
        cr_expect(json_object_get_boolean(at(series, "1/coverage_low")));
        cr_expect_null(at(series, "2/coverage"));
        cr_expect_eq(number_at(series, "1/samples"), 10, "books do not count slices twice");
        json_object_put(series);
        collect_close(collect);
}

Test(collect_books, a_window_that_no_tick_met_is_kept)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        post(collect, without_samples("unseen", 1000, 3 * SECOND));
        post(collect, without_samples("idle", 1000, 0));
        struct json_object *series = get_json(collect, "/api/v1/series?from=1&to=2000");
        struct json_object *tree = get_json(collect, "/api/v1/tree?from=1&to=2000");

        cr_assert_eq(json_object_array_length(series), 1);
        cr_expect_str_eq(text_at(series, "0/container_id"), "unseen");
        cr_expect_eq(number_at(tree, "meta/samples"), 0);
        cr_expect_str_eq(text_at(tree, "meta/coverage/losses/0/name"), "unseen");
        json_object_put(series);
        json_object_put(tree);
        collect_close(collect);
}

/* 40 of 49 expected ticks are chance, which takes the period to know. */
Test(collect_books, chance_is_no_low_coverage)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        struct profile *p = make_profile("aaaa", PROFILE_MODE_CPU, 1000, 4);

        profile_counters(p)->accounted_ns = 49 * SECOND / 100;
        profile_counters(p)->sampled_ns = 40 * SECOND / 100;
        post(collect, p);
        struct json_object *tree = get_json(collect, "/api/v1/tree?from=1&to=2000");
        cr_expect(!json_object_get_boolean(at(tree, "meta/coverage/low")));
        json_object_put(tree);
        collect_close(collect);
}

/* ---- on disk ----------------------------------------------------------------- */

static void ingest(struct store *store, struct profile *profile)
{
        struct ingest_result result;
        const char *error = "";
        size_t len;
        char *json = encode(profile, &len);

        cr_assert_eq(collect_ingest(store, json, len, NULL, 0, &result, &error), 0, "%s", error);
        free(json);
}

static struct store *open_in(const char *dir)
{
        struct store *store;
        char reason[512] = "";

        cr_assert_eq(store_open(dir, &store, reason, sizeof(reason)), 0, "%s", reason);
        return store;
}

Test(collect_books, of_more_time_than_a_window_has_are_refused)
{
        struct ingest_result result;
        const char *dir = make_dir(), *error = "";
        struct store *store = open_in(dir);
        size_t len;
        char *json = encode(without_samples("aaaa", 1000, UINT64_C(1) << 62), &len);

        cr_assert_eq(collect_ingest(store, json, len, NULL, 0, &result, &error), 0);
        cr_expect_eq(result.rejected, 1);
        cr_expect_str_eq(result.sentence, "the profile counts more than a slice can hold");
        free(json);
        store_close(store);
        remove_dir(dir);
}

Test(collect_books, are_removed_with_their_slices)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);

        ingest(store, window("aaaa", 1000, 1));
        ingest(store, window("aaaa", 2000, 1));
        cr_expect_eq(ask_sql(dir, "SELECT count(*) FROM books"), 2);
        cr_assert_eq(store_retain(store, 1500 * NS, 0, 0), 0);
        cr_expect_eq(ask_sql(dir, "SELECT count(*) FROM books"), 1);
        store_close(store);
        remove_dir(dir);
}

Test(collect_books, a_database_of_before_gets_the_table)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);

        ingest(store, make_profile("old", PROFILE_MODE_CPU, 1000, 1));
        store_close(store);
        run_sql(dir, SQL_WITHOUT_SUMS "DROP TABLE books; PRAGMA user_version = 1;");
        store = open_in(dir);
        ingest(store, window("new", 1000, 1));
        cr_expect_eq(ask_sql(dir, "SELECT count(*) FROM books"), 1);
        cr_expect_eq(ask_sql(dir, "SELECT count(*) FROM slice"), 2, "what was there is there");
        cr_expect_eq(ask_sql(dir, "PRAGMA user_version"), 4);
        store_close(store);
        remove_dir(dir);
}

Test(collect_books, a_database_of_the_future_is_left_alone)
{
        const char *dir = make_dir();
        struct store *store = open_in(dir);
        char reason[512] = "";

        store_close(store);
        run_sql(dir, "PRAGMA user_version = 5;");
        cr_expect_neq(store_open(dir, &store, reason, sizeof(reason)), 0);
        cr_expect_not_null(strstr(reason, "its version is 5, this program knows version 4"), "%s", reason);
        cr_expect_eq(ask_sql(dir, "PRAGMA user_version"), 5);
        remove_dir(dir);
}
