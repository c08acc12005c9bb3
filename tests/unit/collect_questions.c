/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(collect_questions);

#define T0 1000000

/* A container of a pod, with attributes of its own; 10 samples of 10 ms, at @start_s for 10 s. */
static void post_pod(const struct collect *collect, const char *id, const char *pod, const char *owner, int64_t start_s)
{
        struct profile *p = make_profile(id, PROFILE_MODE_CPU, start_s, 1);

        profile_set_attribute(p, "container.name", "app");
        profile_set_attribute(p, "k8s.namespace.name", "prod");
        profile_set_attribute(p, "k8s.pod.name", pod);
        profile_set_attribute(p, "k8s.container.name", "app");
        profile_set_attribute(p, "k8s.node.name", "node-1");
        if (owner)
                profile_set_attribute(p, "k8s.deployment.name", owner);
        cr_assert_eq(post_profile(collect, p, NULL), 200);
}

static struct json_object *ask(const struct collect *collect, const char *question)
{
        char path[512];

        snprintf(path, sizeof(path), "/api/v1/%s%sfrom=%d&to=%d", question, strchr(question, '?') ? "&" : "?", T0,
                 T0 + 3600);
        return get_json(collect, path);
}

static double seconds_at(struct json_object *json, const char *path)
{
        cr_assert_not_null(at(json, path), "%s is missing", path);
        return json_object_get_double(at(json, path));
}

/* Two pods of a Deployment, the second of which replaces the first; and a container that has no pod. */
static struct collect *collect_pods(void)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int i = 0; i < 3; i++)
                post_pod(collect, "aaaa", "shop-1-x", "shop", T0 + 10 * i);
        post_pod(collect, "bbbb", "shop-2-y", "shop", T0 + 100);
        cr_assert_eq(post_profile(collect, make_profile("cccc", PROFILE_MODE_CPU, T0 + 100, 5), NULL), 200);
        return collect;
}

Test(collect_questions, series_have_labels)
{
        struct collect *collect = collect_pods();
        struct json_object *series = ask(collect, "series");

        cr_assert_eq(json_object_array_length(series), 3);
        cr_assert_str_eq(text_at(series, "0/labels/container"), "cccc");
        cr_assert_str_eq(text_at(series, "0/labels/namespace"), "");
        cr_assert_str_eq(text_at(series, "1/labels/workload"), "Deployment/shop");
        cr_assert_str_eq(text_at(series, "1/labels/container"), "prod/Deployment/shop/app");
        cr_assert_str_eq(text_at(series, "1/labels/node"), "node-1");
        cr_assert_str_eq(text_at(series, "1/labels/process"), "python3");
        json_object_put(series);
        collect_close(collect);
}

Test(collect_questions, restarts_are_one_group)
{
        struct collect *collect = collect_pods();
        struct json_object *groups = ask(collect, "groups?by=container");

        cr_assert_eq(number_at(groups, "meta/groups"), 2);
        cr_assert_eq(number_at(groups, "meta/shown"), 2);
        cr_assert_eq(number_at(groups, "meta/samples"), 90);
        cr_assert_float_eq(seconds_at(groups, "meta/seconds"), 0.9, 1e-9);
        cr_assert_str_eq(text_at(groups, "meta/by"), "container");
        cr_assert_str_eq(text_at(groups, "groups/0/value"), "cccc");
        cr_assert_str_eq(text_at(groups, "groups/1/value"), "prod/Deployment/shop/app");
        cr_assert_eq(number_at(groups, "groups/1/samples"), 40);
        cr_assert_float_eq(seconds_at(groups, "groups/1/seconds"), 0.4, 1e-9);
        cr_assert_eq(number_at(groups, "groups/1/instances"), 2);
        cr_assert_eq(json_object_array_length(at(groups, "groups/1/series")), 2);
        cr_assert_eq(number_at(groups, "groups/1/starts/0"), T0);
        cr_assert_eq(number_at(groups, "groups/1/starts/1"), T0 + 100);
        cr_assert_eq(number_at(groups, "groups/1/first_seen"), T0);
        cr_assert_eq(number_at(groups, "groups/1/last_seen"), T0 + 100);
        json_object_put(groups);

        groups = ask(collect, "groups?by=namespace&limit=1");
        cr_assert_eq(number_at(groups, "meta/groups"), 2);
        cr_assert_eq(number_at(groups, "meta/shown"), 1);
        cr_assert_str_eq(text_at(groups, "groups/0/value"), "");
        json_object_put(groups);
        collect_close(collect);
}

/* Each row: a selection, and the samples that it takes. */
Test(collect_questions, filters)
{
        static const struct {
                const char *filters;
                int samples;
        } rows[] = {
                { "", 90 },
                { "label.namespace=prod", 40 },
                { "label.namespace=", 50 },
                { "label.namespace=nothing", 0 },
                { "label.pod=shop-1-x", 30 },
                { "label.pod=shop-1-x&label.pod=shop-2-y", 40 },
                { "label.pod=shop-1-x&label.node=node-1", 30 },
                { "label.pod=shop-1-x&label.node=node-2", 0 },
                { "label.container=prod%2FDeployment%2Fshop%2Fapp", 40 },
                { "label.service=billing&label.workload=", 50 },
                { "series=1", 30 },
                { "series=1&label.namespace=prod", 30 },
                { "series=1&label.namespace=x", 0 },
        };
        static const char *const questions[][2] = { { "tree?", "meta/samples" },
                                                    { "top?", "total" },
                                                    { "groups?by=pod&", "meta/samples" },
                                                    { "timeline?by=pod&", "meta/samples" },
                                                    { "function?name=%3Cmodule%3E&", "total" } };
        struct collect *collect = collect_pods();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                for (size_t j = 0; j < sizeof(questions) / sizeof(questions[0]); j++) {
                        char question[256];

                        snprintf(question, sizeof(question), "%s%s", questions[j][0], rows[i].filters);
                        struct json_object *answer = ask(collect, question);
                        cr_expect_eq(number_at(answer, questions[j][1]), rows[i].samples, "%s", question);
                        json_object_put(answer);
                }
        }
        collect_close(collect);
}

Test(collect_questions, time_is_spread_over_steps)
{
        struct collect *collect = collect_pods();
        /* Steps of 4 s: a slice of 10 s is 4 + 4 + 2, then 2 + 4 + 4. */
        char path[128];
        snprintf(path, sizeof(path), "/api/v1/timeline?by=pod&step=4&from=%d&to=%d", T0, T0 + 200);
        struct json_object *timeline = get_json(collect, path);

        cr_assert_eq(number_at(timeline, "meta/step"), 4);
        cr_assert_eq(number_at(timeline, "meta/steps"), 50);
        cr_assert_eq(number_at(timeline, "meta/start"), T0);
        cr_assert_eq(number_at(timeline, "meta/samples"), 90);
        cr_assert_str_eq(text_at(timeline, "groups/0/value"), "");
        cr_assert_str_eq(text_at(timeline, "groups/1/value"), "shop-1-x");
        for (int i = 0; i < 7; i++) {
                snprintf(path, sizeof(path), "groups/1/seconds/%d", i);
                cr_expect_float_eq(seconds_at(timeline, path), 0.04, 1e-8, "step %d", i);
                snprintf(path, sizeof(path), "groups/1/samples/%d", i);
                cr_expect_eq(number_at(timeline, path), 4, "step %d", i);
        }
        cr_assert_float_eq(seconds_at(timeline, "groups/1/seconds/7"), 0.02, 1e-8);
        cr_assert_float_eq(seconds_at(timeline, "groups/1/seconds/8"), 0, 1e-8);
        cr_assert_eq(json_object_array_length(at(timeline, "gaps")), 1);
        cr_assert_eq(number_at(timeline, "gaps/0/from"), T0 + 30);
        cr_assert_eq(number_at(timeline, "gaps/0/to"), T0 + 100);
        cr_assert_eq(json_object_array_length(at(timeline, "marks")), 3);
        cr_assert_eq(json_object_array_length(at(timeline, "rates")), 0, "without books the period is not known");
        json_object_put(timeline);
        collect_close(collect);
}

Test(collect_questions, timeline_since_and_others)
{
        struct collect *collect = collect_pods();
        char path[128];

        snprintf(path, sizeof(path), "timeline?by=pod&step=10&limit=1&since=%d", T0 + 95);
        struct json_object *timeline = ask(collect, path);
        cr_assert_eq(number_at(timeline, "meta/start"), T0 + 100);
        cr_assert_eq(number_at(timeline, "meta/steps"), 350);
        cr_assert_eq(json_object_array_length(at(timeline, "groups")), 2);
        cr_assert_eq(json_object_array_length(at(timeline, "groups/0/seconds")), 350);
        cr_assert_str_eq(text_at(timeline, "groups/1/value"), "(others)");
        cr_assert_eq(number_at(timeline, "groups/0/samples/0"), 50);
        cr_assert_eq(number_at(timeline, "groups/1/samples/0"), 10);
        json_object_put(timeline);
        timeline = ask(collect, "timeline?by=pod&since=8000000000");
        cr_assert_eq(json_object_array_length(at(timeline, "groups/0/seconds")), 0);
        cr_assert_eq(number_at(timeline, "meta/step"), 60, "the hour has 60 steps, not more than 120");
        json_object_put(timeline);
        collect_close(collect);
}

/* What a leaf says of its function is the function's own, and below it all the same. */
Test(collect_questions, a_leaf_that_is_no_function)
{
        static const char *const leaves[] = { "[opcode: LOAD_ATTR]", "[waits: GIL]" };

        for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
                struct collect *collect = collect_start(NULL, 0, NULL);
                struct profile *p = make_profile("dddd", PROFILE_MODE_CPU, T0, 1);
                profile_id leaf = interned_frame(p, interned_function(p, leaves[i], "", 0), 0);
                profile_id walk = interned_frame(p, interned_function(p, "walk", "/a.py", 20), 21);

                profile_add(p, interned_stack(p, (profile_id[]){ leaf, walk }, 2), 0, PROFILE_RUNNING, 5, 50);
                cr_assert_eq(post_profile(collect, p, NULL), 200);
                struct json_object *answer = ask(collect, "function?name=walk&file=%2Fa.py");
                cr_expect_eq(number_at(answer, "self"), 5, "%s", leaves[i]);
                cr_expect_eq(number_at(answer, "total"), 5);
                cr_expect_eq(number_at(answer, "lines/0/self"), 5);
                cr_expect_str_eq(text_at(answer, "callees/children/0/name"), leaves[i]);
                json_object_put(answer);
                collect_close(collect);
        }
}

/* main -> walk -> walk -> leaf, main -> leaf, other -> walk. */
static struct profile *make_recursion(void)
{
        struct profile *p = make_profile("dddd", PROFILE_MODE_CPU, T0, 1);
        profile_id main = interned_frame(p, interned_function(p, "main", "/a.py", 1), 3);
        profile_id other = interned_frame(p, interned_function(p, "other", "/a.py", 9), 10);
        profile_id walk = interned_function(p, "walk", "/a.py", 20), leaf = interned_function(p, "leaf", "/a.py", 30);
        profile_id walk_21 = interned_frame(p, walk, 21), walk_22 = interned_frame(p, walk, 22);
        profile_id leaf_31 = interned_frame(p, leaf, 31);

        profile_add(p, interned_stack(p, (profile_id[]){ leaf_31, walk_22, walk_21, main }, 4), 0, PROFILE_RUNNING, 5,
                    50);
        profile_add(p, interned_stack(p, (profile_id[]){ leaf_31, main }, 2), 0, PROFILE_RUNNING, 3, 30);
        profile_add(p, interned_stack(p, (profile_id[]){ walk_21, other }, 2), 0, PROFILE_RUNNING, 2, 20);
        return p;
}

Test(collect_questions, callers_callees_and_lines)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        cr_assert_eq(post_profile(collect, make_recursion(), NULL), 200);
        struct json_object *walk = ask(collect, "function?name=walk&file=%2Fa.py&kind=python");
        cr_assert_eq(number_at(walk, "meta/samples"), 20);
        cr_assert_str_eq(text_at(walk, "function/name"), "walk");
        cr_assert_str_eq(text_at(walk, "function/file"), "/a.py");
        cr_assert_str_eq(text_at(walk, "function/kind"), "python");
        cr_assert_eq(number_at(walk, "self"), 2);
        cr_assert_eq(number_at(walk, "total"), 7);
        cr_assert_str_eq(text_at(walk, "callers/name"), "walk");
        cr_assert_eq(number_at(walk, "callers/value"), 7);
        cr_assert_eq(json_object_array_length(at(walk, "callers/children")), 2);
        cr_assert_str_eq(text_at(walk, "callers/children/0/name"), "main");
        cr_assert_eq(number_at(walk, "callers/children/0/value"), 5);
        cr_assert_str_eq(text_at(walk, "callers/children/1/name"), "other");
        cr_assert_eq(number_at(walk, "callees/value"), 7);
        cr_assert_str_eq(text_at(walk, "callees/children/0/name"), "walk");
        cr_assert_str_eq(text_at(walk, "callees/children/0/children/0/name"), "leaf");
        cr_assert_eq(number_at(walk, "callees/children/0/children/0/value"), 5);
        cr_assert_eq(json_object_array_length(at(walk, "lines")), 2);
        cr_assert_eq(number_at(walk, "lines/0/line"), 21);
        cr_assert_eq(number_at(walk, "lines/0/self"), 2);
        cr_assert_eq(number_at(walk, "lines/0/total"), 7);
        cr_assert_eq(number_at(walk, "lines/1/total"), 5);
        json_object_put(walk);

        struct json_object *none = ask(collect, "function?name=nothing");
        cr_assert_eq(number_at(none, "total"), 0);
        cr_assert_eq(number_at(none, "callers/value"), 0);
        json_object_put(none);
        collect_close(collect);
}

Test(collect_questions, are_refused_by_parameter)
{
        static const char *const rows[][2] = {
                { "groups", "\\\"by\\\" is missing" },
                { "groups?by=", "\\\"by\\\" names no label" },
                { "groups?by=thread", "threads are added up" },
                { "groups?by=pod&limit=2001", "\\\"limit\\\"" },
                { "timeline", "\\\"by\\\"" },
                { "timeline?by=pod&step=0", "\\\"step\\\"" },
                { "timeline?by=pod&step=1", "\\\"step\\\" is too short" },
                { "timeline?by=pod&step=x", "\\\"step\\\"" },
                { "timeline?by=pod&since=x", "\\\"since\\\"" },
                { "timeline?by=pod&limit=101", "\\\"limit\\\"" },
                { "tree?label.=x", "\\\"label.\\\" names no label" },
                { "tree?label.colour=red", "\\\"label.colour\\\" names no label" },
                { "tree?label.thread=1", "\\\"label.thread\\\"" },
                { "function", "\\\"name\\\"" },
                { "function?name=", "\\\"name\\\"" },
                { "function?name=a&kind=java", "\\\"kind\\\"" },
                { "function?name=a&line=-1", "\\\"line\\\"" },
        };
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char path[256];

                snprintf(path, sizeof(path), "/api/v1/%s%sfrom=%d&to=%d", rows[i][0],
                         strchr(rows[i][0], '?') ? "&" : "?", T0, T0 + 3600);
                struct reply reply = request(collect, path, NULL, NULL, 0);
                cr_expect_eq(reply.status, 400, "%s: %ld", path, reply.status);
                cr_expect(strstr(reply.body, rows[i][1]), "%s: %s", path, reply.body);
                reply_free(&reply);
        }
        collect_close(collect);
}

Test(collect_questions, filters_are_bounded)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        char *path = calloc(1, 4096), many[600] = "/api/v1/tree?";

        for (int i = 0; i < 33; i++)
                strcat(many, "label.pod=x&");
        struct reply reply = request(collect, many, NULL, NULL, 0);
        cr_assert_eq(reply.status, 400);
        cr_assert(strstr(reply.body, "label.pod"));
        cr_assert(strstr(reply.body, "32"));
        reply_free(&reply);

        strcpy(path, "/api/v1/tree?label.pod=");
        memset(path + strlen(path), 'x', 1025);
        reply = request(collect, path, NULL, NULL, 0);
        cr_assert_eq(reply.status, 400);
        cr_assert(strstr(reply.body, "longer than 1024"));
        reply_free(&reply);
        free(path);
        collect_close(collect);
}
