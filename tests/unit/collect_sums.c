/* SPDX-License-Identifier: Apache-2.0 */
/* Sums change no answer: two stores get the same, and only one of them is summed. */
#include "agent/collect/ingest.h"
#include "agent/collect/query.h"
#include "agent/collect/questions/timeline.h"
#include "agent/collect/store.h"
#include "agent/format/format.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(collect_sums);

#define NS INT64_C(1000000000)
#define HOUR (3600 * NS)
#define LENGTH_NS (9 * HOUR)
#define NOW_NS (100 * HOUR)
#define T0 (10 * HOUR + 1234 * NS)

struct pair {
        struct store *plain, *summed;
};

static struct store *open_in_memory(void)
{
        struct store *store;
        char reason[512] = "";

        cr_assert_eq(store_open(NULL, &store, reason, sizeof(reason)), 0, "%s", reason);
        return store;
}

static struct pair open_pair(void)
{
        return (struct pair){ .plain = open_in_memory(), .summed = open_in_memory() };
}

static void close_pair(struct pair *pair)
{
        store_close(pair->plain);
        store_close(pair->summed);
}

static int64_t random_below(int64_t n)
{
        return (int64_t)(((uint64_t)rand() << 31 | (uint64_t)rand()) % (uint64_t)n);
}

/* A profile of one of some containers, with some of some stacks, books, and a length that may cross any boundary. */
static struct profile *make_random(int64_t start_ns)
{
        struct profile *p = make_profile("x", rand() % 4 ? PROFILE_MODE_CPU : PROFILE_MODE_WALL, 0, 1);
        struct profile_settings settings = *profile_settings(p);
        char name[32];

        settings.start_ns = (uint64_t)start_ns;
        settings.duration_ns = (uint64_t)(rand() % 20 ? 10 * NS : random_below(1000 * NS));
        settings.period_ns = rand() % 2 ? 10000000 : 10101010;
        profile_set_settings(p, &settings);
        snprintf(name, sizeof(name), "container-%d", rand() % 5);
        profile_set_attribute(p, "container.id", name);
        profile_set_attribute(p, "container.name", name);
        for (int i = rand() % 6; i > 0; i--) {
                snprintf(name, sizeof(name), "function_%d", rand() % 40);
                profile_id frame = interned_frame(p, interned_function(p, name, "/a.py", 1), 1 + (uint32_t)rand() % 3);
                profile_add(p, interned_stack(p, &frame, 1), 0, rand() % 3 ? PROFILE_RUNNING : PROFILE_IDLE,
                            (uint64_t)random_below(1000), (uint64_t)random_below(1000000000));
        }
        if (rand() % 2)
                *profile_counters(p) = (struct profile_counters){ .accounted_ns = (uint64_t)random_below(10 * NS),
                                                                  .sampled_ns = 7 };
        return p;
}

static void ingest_json(struct store *store, const char *json, size_t len)
{
        struct ingest_result result;
        const char *error = "";
        char *copy = strndup(json, len);

        cr_assert_eq(collect_ingest(store, copy, len, NULL, 0, &result, &error), 0, "%s", error);
        free(copy);
}

static void add_random(struct pair *pair, int n)
{
        for (int i = 0; i < n; i++) {
                size_t len;
                char *json = encode(make_random(T0 + random_below(LENGTH_NS)), &len);

                ingest_json(pair->plain, json, len);
                ingest_json(pair->summed, json, len);
                free(json);
        }
}

static unsigned sum_all(struct store *store)
{
        unsigned n, all = 0;

        do {
                cr_assert_eq(store_sum(store, NOW_NS, 7, &n), 0);
                all += n;
        } while (n == 7);
        return all;
}

/* @named: of one series, now and then. */
static struct store_range random_range(bool named)
{
        int64_t from = T0 - HOUR + random_below(LENGTH_NS + 2 * HOUR);
        int64_t round = rand() % 3 ? 1 : rand() % 2 ? 300 * NS : rand() % 2 ? HOUR : 6 * HOUR;

        from = from / round * round;
        return (struct store_range){
                .from_ns = from,
                .to_ns = from + (rand() % 4 ? 1 + random_below(LENGTH_NS) : round),
                .series = !named || rand() % 3 ? 0 : 1 + rand() % 5,
        };
}

/* The tree of a query as text; and its meta. */
static char *query_text(struct store *store, const struct collect_query *query, struct collect_meta *meta)
{
        struct profile_set set;
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        cr_assert_eq(collect_query(store, query, &set, meta), 0);
        cr_assert_eq(format_write_tree(&set, out), 0);
        fclose(out);
        profile_set_deinit(&set);
        return text;
}

static void compare_queries(const struct pair *pair, const struct store_range *range)
{
        enum profile_mode mode = rand() % 2 ? PROFILE_MODE_CPU : PROFILE_MODE_WALL;
        const struct collect_query query = { .selection = { .range = *range, .mode = &mode }, .apart = rand() % 2 };
        struct collect_meta plain, summed;
        char *a = query_text(pair->plain, &query, &plain), *b = query_text(pair->summed, &query, &summed);

        cr_assert_str_eq(a, b);
        cr_assert_eq(plain.slices, summed.slices);
        cr_assert_eq(plain.samples, summed.samples);
        cr_assert_eq(plain.ns, summed.ns);
        cr_assert_eq(plain.modes, summed.modes);
        cr_assert_eq(memcmp(&plain.books.counters, &summed.books.counters, sizeof(plain.books.counters)), 0);
        cr_assert_leq(llabs((long long)(plain.books.period_ns - summed.books.period_ns)), 2);
        free(a);
        free(b);
}

static void compare_asked(const struct pair *pair, const struct store_range *range)
{
        const struct collect_selection selection = { .range = *range };
        struct asked plain, summed;

        cr_assert_eq(collect_asked_begin(pair->plain, &selection, true, &plain), 0);
        cr_assert_eq(collect_asked_begin(pair->summed, &selection, true, &summed), 0);
        cr_assert_eq(plain.n, summed.n);
        cr_assert_eq(collect_asked_version(&plain), collect_asked_version(&summed));
        for (size_t i = 0; i < plain.n; i++) {
                cr_assert_eq(plain.series[i].modes, summed.series[i].modes);
                for (unsigned mode = 0; mode < PROFILE_MODES; mode++)
                        cr_assert_eq(plain.series[i].by[mode].ns, summed.series[i].by[mode].ns);
        }
        collect_asked_end(&plain);
        collect_asked_end(&summed);
}

static struct timeline *make_timeline(struct store *store, const struct store_range *range, int64_t step_ns,
                                      struct asked *asked)
{
        const struct collect_selection selection = { .range = *range };
        struct timeline *timeline = malloc(sizeof(*timeline));

        cr_assert_eq(collect_asked_begin(store, &selection, true, asked), 0);
        cr_assert_eq(timeline_make(asked, LABEL_CONTAINER, step_ns, 3, timeline), 0);
        return timeline;
}

/* Gaps may be fewer by sums: those within 5 minutes are not seen. */
static void compare_timelines(const struct pair *pair, const struct store_range *range)
{
        static const int64_t steps_s[] = { 60, 300, 600, 1800, 3600, 7200, 21600 };
        int64_t step_ns = steps_s[(size_t)rand() % (sizeof(steps_s) / sizeof(steps_s[0]))] * NS;
        struct asked plain_asked, summed_asked;
        struct timeline *plain = make_timeline(pair->plain, range, step_ns, &plain_asked);
        struct timeline *summed = make_timeline(pair->summed, range, step_ns, &summed_asked);

        cr_assert_eq(plain->steps, summed->steps);
        cr_assert_eq(plain->shown, summed->shown);
        for (size_t i = 0; i < (plain->shown + 1) * plain->steps; i++) {
                cr_assert_float_eq(plain->cells[i].samples, summed->cells[i].samples, 1e-3);
                cr_assert_float_eq(plain->cells[i].ns, summed->cells[i].ns, 100);
        }
        cr_assert_eq(plain->rates_n, summed->rates_n);
        cr_assert_eq(plain->rated, summed->rated);
        for (size_t i = 0; i < plain->rates_n; i++)
                cr_assert_eq(plain->rates[i].slices, summed->rates[i].slices);
        cr_assert_leq(summed->gaps_n, plain->gaps_n);
        for (size_t i = 0, j = 0; i < summed->gaps_n; i++, j++) {
                while (j < plain->gaps_n && plain->gaps[j].from_ns != summed->gaps[i].from_ns)
                        j++;
                cr_assert_lt(j, plain->gaps_n, "a gap of sums is one of slices");
                cr_assert_eq(plain->gaps[j].to_ns, summed->gaps[i].to_ns);
        }
        timeline_deinit(plain);
        timeline_deinit(summed);
        free(plain);
        free(summed);
        collect_asked_end(&plain_asked);
        collect_asked_end(&summed_asked);
}

static void compare_answers(const struct pair *pair, int n, bool named)
{
        for (int i = 0; i < n; i++) {
                struct store_range range = random_range(named);

                compare_queries(pair, &range);
                compare_asked(pair, &range);
                compare_timelines(pair, &range);
        }
}

Test(collect_sums, change_no_answer)
{
        struct pair pair = open_pair();

        srand(18);
        add_random(&pair, 600);
        cr_assert_gt(sum_all(pair.summed), 40, "hours and minutes");
        cr_assert_eq(sum_all(pair.summed), 0, "there is nothing to do again");
        compare_answers(&pair, 60, true);

        /* What comes late counts, before it is summed again and after that. */
        add_random(&pair, 40);
        compare_answers(&pair, 20, true);
        cr_assert_gt(sum_all(pair.summed), 10);
        compare_answers(&pair, 20, true);
        close_pair(&pair);
}

/* A database of version 3 keeps what it has, and is summed from then on. */
Test(collect_sums, come_into_an_older_database)
{
        const char *dir = make_dir();
        struct pair pair = { .plain = open_in_memory() };
        char reason[512] = "";

        srand(21);
        cr_assert_eq(store_open(dir, &pair.summed, reason, sizeof(reason)), 0, "%s", reason);
        add_random(&pair, 100);
        store_close(pair.summed);
        run_sql(dir, SQL_WITHOUT_SUMS "PRAGMA user_version = 3;");
        cr_assert_eq(store_open(dir, &pair.summed, reason, sizeof(reason)), 0, "%s", reason);
        compare_answers(&pair, 10, true);
        cr_assert_gt(sum_all(pair.summed), 10);
        cr_assert_eq(ask_sql(dir, "PRAGMA user_version"), 4);
        cr_assert_gt(ask_sql(dir, "SELECT count(*) FROM sum"), 10);
        compare_answers(&pair, 10, true);
        close_pair(&pair);
        remove_dir(dir);
}

Test(collect_sums, retention_takes_sums_along)
{
        struct pair pair = open_pair();

        srand(19);
        add_random(&pair, 400);
        sum_all(pair.summed);
        for (int i = 1; i < 8; i++) {
                int64_t before = T0 + i * LENGTH_NS / 8;

                cr_assert_eq(store_retain(pair.plain, before, 0, 0), 0);
                cr_assert_eq(store_retain(pair.summed, before, 0, 0), 0);
                compare_answers(&pair, 10, false);
                cr_assert_leq(sum_all(pair.summed), 2, "the stretch that loses slices is not summed over and over");
                compare_answers(&pair, 10, false);
        }
        cr_assert_eq(store_retain(pair.summed, T0 + 2 * LENGTH_NS, 0, 0), 0);
        cr_assert_eq(store_retain(pair.plain, T0 + 2 * LENGTH_NS, 0, 0), 0);
        compare_answers(&pair, 5, false);
        close_pair(&pair);
}

/* What is still being delivered is left alone. */
Test(collect_sums, the_present_is_not_summed)
{
        struct pair pair = open_pair();
        unsigned n;

        srand(20);
        add_random(&pair, 50);
        cr_assert_eq(store_sum(pair.summed, T0, 1000, &n), 0);
        cr_assert_eq(n, 0);
        close_pair(&pair);
}
