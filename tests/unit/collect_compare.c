/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/format.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(collect_compare);

#define T0 1000000

/* main calls hot, which has @hot of 1000 samples, and cold, which has the others. */
static void post_shares(const struct collect *collect, const char *container, int64_t start_s, unsigned hot)
{
        struct profile *p = profile_new();
        profile_id main = interned_frame(p, interned_function(p, "main", "/app/m.py", 1), 2);
        profile_id hot_frame = interned_frame(p, interned_function(p, "hot", "/app/m.py", 10), 12);
        profile_id cold = interned_frame(p, interned_function(p, "cold", "/app/m.py", 20), 22);

        profile_set_settings(p, &(struct profile_settings){ .mode = PROFILE_MODE_CPU,
                                                            .start_ns = (uint64_t)start_s * 1000000000,
                                                            .duration_ns = 10000000000,
                                                            .period_ns = 10000000 });
        profile_set_attribute(p, "container.id", container);
        profile_set_attribute(p, "container.name", container);
        profile_add(p, interned_stack(p, (profile_id[]){ hot_frame, main }, 2), 0, PROFILE_RUNNING, hot,
                    hot * 10000000);
        profile_add(p, interned_stack(p, (profile_id[]){ cold, main }, 2), 0, PROFILE_RUNNING, 1000 - hot,
                    (1000 - hot) * 10000000);
        cr_assert_eq(post_profile(collect, p, NULL), 200);
}

/* Two containers, in two stretches of 100 s: in the second one hot() of "new" takes twice its share. */
static struct collect *collect_versions(void)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int i = 0; i < 10; i++) {
                post_shares(collect, "old", T0 + 10 * i, 200);
                post_shares(collect, "new", T0 + 10 * i, 200);
                post_shares(collect, "new", T0 + 1000 + 10 * i, 400);
        }
        return collect;
}

static struct json_object *ask_compare(const struct collect *collect, const char *selection)
{
        char path[512];

        snprintf(path, sizeof(path), "/api/v1/compare?%s", selection);
        return get_json(collect, path);
}

static struct json_object *row_of(struct json_object *compared, const char *function)
{
        struct json_object *rows = at(compared, "functions");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);

                if (strcmp(text_at(row, "function"), function) == 0)
                        return row;
        }
        cr_assert_fail("%s is not listed", function);
        return NULL;
}

Test(collect_compare, ranges)
{
        struct collect *collect = collect_versions();
        struct json_object *compared = ask_compare(
                collect, "from=1001000&to=1001100&base.from=1000000&base.to=1000100&label.container=new");
        struct json_object *hot = row_of(compared, "hot"), *cold = row_of(compared, "cold");

        cr_assert_eq(number_at(compared, "meta/base/samples"), 10000);
        cr_assert_eq(number_at(compared, "meta/new/samples"), 10000);
        cr_assert_eq(json_object_get_boolean(at(compared, "meta/equal")), false);
        cr_assert_eq(number_at(compared, "tree/base"), 10000);
        cr_assert_eq(number_at(compared, "tree/value"), 10000);
        cr_assert_str_eq(text_at(hot, "verdict"), "grew");
        cr_assert_float_eq(json_object_get_double(at(hot, "base")), 0.2, 1e-6);
        cr_assert_float_eq(json_object_get_double(at(hot, "new")), 0.4, 1e-6);
        cr_assert_float_eq(json_object_get_double(at(hot, "points")), 20, 1e-4);
        cr_assert_lt(json_object_get_double(at(hot, "low")), 20);
        cr_assert_gt(json_object_get_double(at(hot, "high")), 20);
        cr_assert_lt(json_object_get_double(at(hot, "p")), 0.01);
        cr_assert_float_eq(json_object_get_double(at(hot, "self/points")), 20, 1e-4);
        cr_assert_str_eq(text_at(cold, "verdict"), "shrank");
        cr_assert_str_eq(text_at(row_of(compared, "main"), "verdict"), "same");
        cr_assert(strstr(text_at(compared, "sentence"), "hot"), "%s", text_at(compared, "sentence"));
        json_object_put(compared);
        collect_close(collect);
}

/* The base takes over what it does not say itself. */
Test(collect_compare, labels)
{
        struct collect *collect = collect_versions();
        struct json_object *same = ask_compare(collect,
                                               "from=1000000&to=1000100&label.container=new&base.label.container=old");
        struct json_object *none = ask_compare(
                collect, "from=1000000&to=1000100&label.container=new&base.label.container=other");

        cr_assert_eq(json_object_get_boolean(at(same, "meta/equal")), true);
        cr_assert_str_eq(text_at(same, "sentence"), "nothing differs");
        cr_assert_eq(number_at(same, "meta/base/samples"), 10000);
        cr_assert_eq(json_object_array_length(at(none, "functions")), 0);
        cr_assert(strstr(text_at(none, "sentence"), "the base has no samples"));
        json_object_put(same);
        json_object_put(none);
        collect_close(collect);
}

/* A function that only calls what grew is folded into it. */
Test(collect_compare, callers_are_folded)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int i = 0; i < 10; i++) {
                struct profile *p = make_profile("aaaa", PROFILE_MODE_CPU, T0 + 100 * i, 100);
                profile_id module = interned_frame(p, interned_function(p, "<module>", "/app/main.py", 1), 40);
                profile_id handle = interned_frame(p, interned_function(p, "handle", "/app/h.py", 1), 2);
                profile_id parse = interned_frame(p, interned_function(p, "parse", "/app/h.py", 9), 10);
                profile_id stack = interned_stack(p, (profile_id[]){ parse, handle, module }, 3);

                profile_add(p, stack, 0, PROFILE_RUNNING, i < 5 ? 100 : 900, 1000);
                cr_assert_eq(post_profile(collect, p, NULL), 200);
        }
        struct json_object *compared = ask_compare(collect,
                                                   "from=1000500&to=1001000&base.from=1000000&base.to=1000500");
        struct json_object *parse = row_of(compared, "parse");
        cr_assert_str_eq(text_at(parse, "verdict"), "grew");
        cr_assert_eq(json_object_array_length(at(parse, "folded")), 1);
        cr_assert_str_eq(text_at(parse, "folded/0/function"), "handle");
        cr_assert_eq(json_object_array_length(at(row_of(compared, "handle"), "folded")), 0);
        json_object_put(compared);
        collect_close(collect);
}

/* A page draws a tree of 4000 stacks with ease. No sample is lost by that, and no function. */
Test(collect_compare, rare_stacks_are_one)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int side = 0; side < 2; side++) {
                struct profile *p = profile_new();
                char name[32];

                profile_set_settings(p,
                                     &(struct profile_settings){ .mode = PROFILE_MODE_CPU,
                                                                 .start_ns = (uint64_t)(T0 + 1000 * side) * 1000000000,
                                                                 .duration_ns = 10000000000,
                                                                 .period_ns = 10000000 });
                profile_set_attribute(p, "container.id", "c");
                for (unsigned i = 0; i < 5000; i++) {
                        snprintf(name, sizeof(name), "f%u", i);
                        profile_id frame = interned_frame(p, interned_function(p, name, "/app/m.py", 1), 1);

                        profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, i < 3000 ? 2 : 1, 1);
                }
                cr_assert_eq(post_profile(collect, p, NULL), 200);
        }
        struct json_object *compared = ask_compare(collect,
                                                   "from=1001000&to=1001100&base.from=1000000&base.to=1000100");
        struct json_object *tree = at(compared, "tree"), *nodes = at(tree, "children");
        struct json_object *last = json_object_array_get_idx(nodes, 0);

        cr_expect_eq(json_object_get_int(at(tree, "value")), 8000);
        cr_expect_eq(json_object_get_int(at(tree, "base")), 8000);
        cr_expect_eq(json_object_array_length(nodes), 3001);
        cr_expect_str_eq(json_object_get_string(at(last, "name")), "(other stacks)");
        cr_expect_eq(json_object_get_int(at(last, "value")), 2000);
        json_object_put(compared);
        collect_close(collect);
}

Test(collect_compare, is_refused_by_parameter)
{
        static const char *const rows[][2] = {
                { "base.from=x", "base.from" },
                { "base.to=x", "base.to" },
                { "base.series=x", "base.series" },
                { "base.from=2000000", "base.from" },
                { "base.label.x=1", "base.label.x" },
                { "limit=2001", "limit" },
                { "base.label.thread=1", "base.label.thread" },
        };
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char path[256];

                snprintf(path, sizeof(path), "/api/v1/compare?from=1000000&to=1000100&%s", rows[i][0]);
                struct reply reply = request(collect, path, NULL, NULL, 0);
                cr_expect_eq(reply.status, 400, "%s", path);
                cr_expect(strstr(reply.body, rows[i][1]), "%s", reply.body);
                reply_free(&reply);
        }
        collect_close(collect);
}

/* ---- export ---------------------------------------------------------------- */

Test(collect_compare, exports_every_format)
{
        struct collect *collect = collect_versions();

        for (size_t i = 0; i < format_table_n; i++) {
                char path[256];

                snprintf(path, sizeof(path), "/api/v1/export?format=%s&from=1000000&to=1000100&label.container=new",
                         format_table[i]->name);
                struct reply reply = request(collect, path, NULL, NULL, 0);
                cr_assert_eq(reply.status, 200, "%s: %s", path, reply.body);
                cr_assert_gt(reply.len, 20, "%s", path);
                snprintf(path, sizeof(path),
                         "Content-Disposition: attachment; "
                         "filename=\"podflame-new-cpu-19700112T134640Z-19700112T134820Z%s\"",
                         format_table[i]->endings[0]);
                cr_assert(strstr(reply.headers, path), "%s: %s", path, reply.headers);
                reply_free(&reply);
        }
        collect_close(collect);
}

Test(collect_compare, exported_folded_stacks)
{
        struct collect *collect = collect_versions();
        struct reply reply = request(collect, "/api/v1/export?format=folded&from=1000000&to=1000100&series=1", NULL,
                                     NULL, 0);

        cr_assert(strstr(reply.headers, "Content-Type: text/plain"));
        cr_assert(strstr(reply.body, "main (/app/m.py:2);hot (/app/m.py:12) 2000\n"), "%s", reply.body);
        reply_free(&reply);
        reply = request(collect, "/api/v1/export?format=svgz", NULL, NULL, 0);
        cr_assert_eq(reply.status, 400);
        for (size_t i = 0; i < format_table_n; i++)
                cr_assert(strstr(reply.body, format_table[i]->name), "%s", reply.body);
        reply_free(&reply);
        reply = request(collect, "/api/v1/export", NULL, NULL, 0);
        cr_assert_eq(reply.status, 400);
        cr_assert(strstr(reply.body, "\\\"format\\\" is missing"), "%s", reply.body);
        reply_free(&reply);
        collect_close(collect);
}

/* ---- versions of answers ----------------------------------------------------- */

static void copy_tag(const struct reply *reply, char line[static 128])
{
        const char *tag = strstr(reply->headers, "ETag: ");

        cr_assert_not_null(tag, "%s", reply->headers);
        snprintf(line, 128, "If-None-Match: %.*s", (int)strcspn(tag + 6, "\r\n"), tag + 6);
}

Test(collect_compare, known_answers_are_not_sent_again)
{
        static const char *const paths[] = { "/api/v1/tree?from=1000000&to=1000100",
                                             "/api/v1/top?from=1000000&to=1000100" };
        static const char *const later[] = { "/api/v1/tree?from=1000000&to=1000110",
                                             "/api/v1/top?from=1000000&to=1000110" };
        struct collect *collect = collect_versions();

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct reply reply = request(collect, paths[i], NULL, NULL, 0);
                char line[128], other[64];
                const char *const headers[] = { line, NULL };

                copy_tag(&reply, line);
                reply_free(&reply);
                reply = request(collect, paths[i], headers, NULL, 0);
                cr_assert_eq(reply.status, 304);
                cr_assert_eq(reply.len, 0);
                cr_assert(strstr(reply.headers, "ETag: "));
                reply_free(&reply);

                snprintf(other, sizeof(other), "%s&series=1", paths[i]);
                reply = request(collect, other, headers, NULL, 0);
                cr_assert_eq(reply.status, 200, "another question has another answer");
                reply_free(&reply);

                post_shares(collect, "old", T0 + 500, 1);
                reply = request(collect, paths[i], headers, NULL, 0);
                cr_assert_eq(reply.status, 304, "what is stored elsewhere changes nothing");
                reply_free(&reply);
                reply = request(collect, later[i], headers, NULL, 0);
                cr_assert_eq(reply.status, 304, "a later range has the same slices");
                reply_free(&reply);
                post_shares(collect, "old", T0 + 55, 1);
                reply = request(collect, paths[i], headers, NULL, 0);
                cr_assert_eq(reply.status, 200, "something new was stored");
                reply_free(&reply);
        }
        collect_close(collect);
}
