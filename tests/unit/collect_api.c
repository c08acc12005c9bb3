/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "agent/format/format.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

SUITE(collect_api);

#define POST "/v1development/profiles"

static const char *const json_headers[] = { "Content-Type: application/json", NULL };
static const char *const gzip_headers[] = { "Content-Type: application/json", "Content-Encoding: gzip", NULL };

static int64_t now_s(void)
{
        return time(NULL);
}

Test(collect_api, known_counts)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s() - 20, 1), NULL), 200);
        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s() - 10, 1), NULL), 200);
        cr_assert_eq(post_profile(collect, make_profile("bbbb", PROFILE_MODE_CPU, now_s() - 10, 5), NULL), 200);

        struct json_object *series = get_json(collect, "/api/v1/series");
        cr_assert_eq(json_object_array_length(series), 2);
        cr_assert_str_eq(text_at(series, "0/container_id"), "bbbb");
        cr_assert_eq(number_at(series, "0/samples"), 50);
        cr_assert_str_eq(text_at(series, "1/container_id"), "aaaa");
        cr_assert_str_eq(text_at(series, "1/service"), "billing");
        cr_assert_str_eq(text_at(series, "1/modes/0"), "cpu");
        cr_assert_eq(number_at(series, "1/samples"), 20);
        cr_assert_float_eq(json_object_get_double(at(series, "1/cpu_seconds")), 0.2, 1e-9);
        cr_assert_eq(number_at(series, "1/last_seen") - number_at(series, "1/first_seen"), 10);
        cr_assert_null(at(series, "1/image"));

        struct json_object *top = get_json(collect, "/api/v1/top?series=all&limit=2");
        cr_assert_eq(number_at(top, "total"), 70);
        cr_assert_eq(json_object_array_length(at(top, "functions")), 2);
        cr_assert_str_eq(text_at(top, "functions/0/name"), "work");
        cr_assert_str_eq(text_at(top, "functions/0/file"), "/app/work.py");
        cr_assert_eq(number_at(top, "functions/0/self"), 49);
        cr_assert_float_eq(json_object_get_double(at(top, "functions/0/self_share")), 0.7, 1e-9);
        cr_assert_str_eq(text_at(top, "functions/1/name"), "rest");
        cr_assert_eq(number_at(top, "functions/1/self"), 21);

        char path[64];
        snprintf(path, sizeof(path), "/api/v1/tree?series=%s", text_at(series, "1/id"));
        struct json_object *tree = get_json(collect, path);
        cr_assert_eq(number_at(tree, "meta/samples"), 20);
        cr_assert_eq(number_at(tree, "meta/profiles"), 2);
        cr_assert_str_eq(text_at(tree, "meta/mode"), "cpu");
        cr_assert_eq(number_at(tree, "tree/value"), 20);
        cr_assert_str_eq(text_at(tree, "tree/children/0/name"), "<module>");
        cr_assert_eq(number_at(tree, "tree/children/0/value"), 20);
        cr_assert_str_eq(text_at(tree, "tree/children/0/children/0/name"), "rest");
        cr_assert_eq(number_at(tree, "tree/children/0/children/0/value"), 6);
        cr_assert_eq(number_at(tree, "tree/children/0/children/1/value"), 14);

        /* Of all: containers at the root. */
        struct json_object *all = get_json(collect, "/api/v1/tree");
        cr_assert_eq(number_at(all, "tree/value"), 70);
        cr_assert_str_eq(text_at(all, "tree/children/0/name"), "aaaa");
        cr_assert_eq(number_at(all, "tree/children/1/value"), 50);

        json_object_put(series);
        json_object_put(top);
        json_object_put(tree);
        json_object_put(all);
        collect_close(collect);
}

Test(collect_api, ranges)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        char path[128];

        for (int64_t start = 1000; start < 1100; start += 10)
                cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, start, 1), NULL), 200);

        static const struct {
                const char *from, *to;
                int profiles;
        } rows[] = {
                { "1000", "1100", 10 }, { "0", "9000000000", 10 }, { "1000", "1001", 1 },    { "1000", "1000.5", 1 },
                { "1001", "1010", 0 },  { "1010", "1020", 1 },     { "1010", "1020.1", 2 },  { "1090", "1091", 1 },
                { "1091", "2000", 0 },  { "0", "1000", 0 },        { "999.999", "1000", 0 },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                snprintf(path, sizeof(path), "/api/v1/tree?series=1&from=%s&to=%s", rows[i].from, rows[i].to);
                struct json_object *tree = get_json(collect, path);
                cr_expect_eq(number_at(tree, "meta/profiles"), rows[i].profiles, "row %zu", i);
                cr_expect_eq(number_at(tree, "tree/value"), 10 * rows[i].profiles, "row %zu", i);
                json_object_put(tree);
                snprintf(path, sizeof(path), "/api/v1/series?from=%s&to=%s", rows[i].from, rows[i].to);
                struct json_object *series = get_json(collect, path);
                cr_expect_eq(json_object_array_length(series), rows[i].profiles > 0, "row %zu", i);
                json_object_put(series);
        }
        struct json_object *now = get_json(collect, "/api/v1/series");
        cr_assert_eq(json_object_array_length(now), 0, "the default is the last 15 minutes");
        json_object_put(now);
        collect_close(collect);
}

Test(collect_api, modes_are_kept_apart)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_WALL, now_s() - 10, 3), NULL), 200);
        struct json_object *wall = get_json(collect, "/api/v1/tree");
        cr_assert_str_eq(text_at(wall, "meta/mode"), "wall");
        cr_assert_eq(number_at(wall, "tree/value"), 30);

        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s() - 10, 1), NULL), 200);
        struct json_object *cpu = get_json(collect, "/api/v1/tree"), *gil = get_json(collect, "/api/v1/tree?mode=gil");
        struct json_object *top = get_json(collect, "/api/v1/top?mode=wall");
        struct json_object *series = get_json(collect, "/api/v1/series");
        cr_assert_str_eq(text_at(cpu, "meta/mode"), "cpu");
        cr_assert_eq(json_object_array_length(at(cpu, "meta/modes")), 2);
        cr_assert_eq(number_at(cpu, "tree/value"), 10);
        cr_assert_eq(number_at(gil, "tree/value"), 0);
        cr_assert_eq(number_at(top, "total"), 30);
        cr_assert_eq(number_at(series, "0/samples"), 10);
        json_object_put(wall);
        json_object_put(cpu);
        json_object_put(gil);
        json_object_put(top);
        json_object_put(series);
        collect_close(collect);
}

Test(collect_api, blame_is_a_mode_of_its_own)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (enum profile_mode mode = 0; mode < PROFILE_MODES; mode++)
                cr_assert_eq(post_profile(collect, make_profile("aaaa", mode, now_s() - 10, mode + 1), NULL), 200);
        struct json_object *blame = get_json(collect, "/api/v1/tree?mode=blame");
        struct json_object *series = get_json(collect, "/api/v1/series");
        cr_assert_str_eq(text_at(blame, "meta/mode"), "blame");
        cr_assert_eq(number_at(blame, "tree/value"), 10 * PROFILE_MODES);
        cr_assert_str_eq(text_at(blame, "meta/modes/3"), "blame");
        cr_assert_eq(json_object_array_length(at(series, "0/modes")), PROFILE_MODES);
        json_object_put(blame);
        json_object_put(series);
        collect_close(collect);
}

Test(collect_api, a_batch_sent_again_counts_once)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int i = 0; i < 3; i++)
                cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s(), 1), "key-1"), 200);
        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s(), 1), "key-2"), 200);
        cr_assert_eq(post_profile(collect, make_profile("aaaa", PROFILE_MODE_CPU, now_s(), 1), NULL), 200);
        struct json_object *top = get_json(collect, "/api/v1/top?from=1");
        cr_assert_eq(number_at(top, "total"), 30);
        json_object_put(top);
        collect_close(collect);
}

/* One profile of three is too far ahead: the others are kept, the sender is told. */
Test(collect_api, partial_success)
{
        struct collect *collect = collect_start(NULL, 3600, NULL);
        int64_t starts[] = { now_s() - 10, now_s() + 100000, now_s() - 7200 };
        struct profile_set set = { 0 };
        char *json;
        size_t len;

        for (size_t i = 0; i < 3; i++)
                profile_set_add(&set, make_profile("aaaa", PROFILE_MODE_CPU, starts[i], 1));
        FILE *out = open_memstream(&json, &len);
        cr_assert_eq(format_write_otlp(&set, out), 0);
        fclose(out);
        struct reply reply = request(collect, POST, json_headers, json, len);
        struct json_object *answer = json_tokener_parse(reply.body);
        cr_assert_eq(reply.status, 200);
        cr_assert_str_eq(text_at(answer, "partialSuccess/rejectedProfiles"), "2");
        cr_assert_str_eq(text_at(answer, "partialSuccess/errorMessage"), "the profile is older than what is kept");
        struct json_object *top = get_json(collect, "/api/v1/top?from=1&to=9000000000");
        cr_assert_eq(number_at(top, "total"), 10);
        json_object_put(top);
        json_object_put(answer);
        reply_free(&reply);
        free(json);
        profile_set_deinit(&set);
        collect_close(collect);
}

Test(collect_api, bad_bodies)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        static const char *const text_headers[] = { "Content-Type: text/plain", NULL };
        static const char *const proto_headers[] = { "Content-Type: application/x-protobuf", NULL };
        static const char *const zstd_headers[] = { "Content-Type: application/json", "Content-Encoding: zstd", NULL };
        static char long_key[200] = "Idempotency-Key: ";
        static const char *const key_headers[] = { "Content-Type: application/json", long_key, NULL };
        const struct {
                const char *const *headers, *body;
                size_t len;
                long status;
        } rows[] = {
                { json_headers, "", 0, 400 },
                { json_headers, "{", 1, 400 },
                { json_headers, "nonsense", 8, 400 },
                { json_headers, "\0\0\0", 3, 400 },
                { json_headers, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 40, 400 },
                { gzip_headers, "", 0, 400 },
                { gzip_headers, "{}", 2, 400 },
                { gzip_headers, "\x1f\x8b\x08\x00\x00", 5, 400 },
                { zstd_headers, "{}", 2, 415 },
                { text_headers, "{}", 2, 415 },
                { proto_headers, "", 0, 415 },
                { key_headers, "{}", 2, 400 },
        };

        memset(long_key + strlen(long_key), 'k', sizeof(long_key) - strlen(long_key) - 1);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct reply reply = request(collect, POST, rows[i].headers, rows[i].body, rows[i].len);
                struct json_object *error = json_tokener_parse(reply.body);

                cr_expect_eq(reply.status, rows[i].status, "row %zu: %ld %s", i, reply.status, reply.body);
                cr_expect_gt(strlen(text_at(error, "message")), 10, "row %zu", i);
                cr_expect_eq(number_at(error, "code"), 3, "row %zu", i);
                json_object_put(error);
                reply_free(&reply);
        }
        struct json_object *series = get_json(collect, "/api/v1/series?from=1&to=9000000000");
        cr_assert_eq(json_object_array_length(series), 0);
        json_object_put(series);
        collect_close(collect);
}

/* Whatever is cut off or flipped, the collector says so and lives on. */
Test(collect_api, damaged_bodies)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        size_t len;
        char *json = encode(make_profile("aaaa", PROFILE_MODE_CPU, now_s(), 1), &len);

        srand(5);
        for (int i = 0; i < 150; i++) {
                char *copy = malloc(len);
                size_t cut = i % 2 ? len : (size_t)rand() % len;

                memcpy(copy, json, len);
                if (i % 2)
                        copy[(size_t)rand() % len] = (char)rand();
                struct reply reply = request(collect, POST, json_headers, copy, cut);
                cr_assert(reply.status == 400 || (i % 2 && reply.status == 200), "%ld %s", reply.status, reply.body);
                reply_free(&reply);
                free(copy);
        }
        json_object_put(get_json(collect, "/api/v1/tree?from=1&to=9000000000"));
        free(json);
        collect_close(collect);
}

Test(collect_api, too_large)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        size_t big = FORMAT_OTLP_MAX_BYTES + 1, packed_len;
        char *zeros = calloc(1, big);
        void *bomb;

        cr_assert_eq(gzip_pack(zeros, big, &bomb, &packed_len), 0);
        struct reply reply = request(collect, POST, gzip_headers, bomb, packed_len);
        cr_assert_eq(reply.status, 413);
        cr_assert(strstr(reply.body, "32 MiB when unpacked"));
        reply_free(&reply);
        free(bomb);

        reply = request(collect, POST, json_headers, zeros, (8 << 20) + 1);
        cr_assert_eq(reply.status, 413);
        reply_free(&reply);

        static const char *const chunked[] = { "Content-Type: application/json", "Transfer-Encoding: chunked", NULL };
        reply = request(collect, POST, chunked, zeros, (8 << 20) + 1);
        cr_assert_eq(reply.status, 413);
        reply_free(&reply);
        free(zeros);
        collect_close(collect);
}

Test(collect_api, bad_questions)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        static const struct {
                const char *path;
                long status;
        } rows[] = {
                { "/api/v1/series?from=x", 400 },
                { "/api/v1/series?from=-1", 400 },
                { "/api/v1/series?from=nan", 400 },
                { "/api/v1/series?from=1e5", 400 },
                { "/api/v1/series?from=1.2.3", 400 },
                { "/api/v1/series?from=&to=1", 400 },
                { "/api/v1/series?from=99999999999999999999", 400 },
                { "/api/v1/series?from=10&to=10", 400 },
                { "/api/v1/series?from=10&to=9", 400 },
                { "/api/v1/tree?series=", 400 },
                { "/api/v1/tree?series=some", 400 },
                { "/api/v1/tree?series=0", 400 },
                { "/api/v1/tree?series=-3", 400 },
                { "/api/v1/tree?series=99999999999999999999", 400 },
                { "/api/v1/tree?series=7", 404 },
                { "/api/v1/tree?mode=both", 400 },
                { "/api/v1/top?limit=0", 400 },
                { "/api/v1/top?limit=10001", 400 },
                { "/api/v1/top?limit=%00", 400 },
                { "/api/v1/top?series=1%27%20OR%201", 400 },
                { "/api/v1/", 404 },
                { "/../etc/passwd", 404 },
                { "/v1development/profiles", 405 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct reply reply = request(collect, rows[i].path, NULL, NULL, 0);
                struct json_object *error = json_tokener_parse(reply.body);

                cr_expect_eq(reply.status, rows[i].status, "%s: %ld %s", rows[i].path, reply.status, reply.body);
                cr_expect_gt(strlen(text_at(error, "message")), 10, "%s", rows[i].path);
                json_object_put(error);
                reply_free(&reply);
        }
        struct reply reply = request(collect, "/api/v1/top", json_headers, "{}", 2);
        cr_assert_eq(reply.status, 405);
        cr_assert(strstr(reply.headers, "Allow: GET"));
        reply_free(&reply);
        collect_close(collect);
}
