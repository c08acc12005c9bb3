/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/format/series.h"
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* What is sent, so that a backend makes the same series of it by any protocol. */
SUITE(format_series);

#define PERIOD 10000000u

static struct profile *make_pod(enum profile_mode mode)
{
        static const char *const attributes[][2] = {
                { "service.name", "billing" },
                { "container.id", "0123" },
                { "container.name", "k8s_api_3" },
                { "k8s.pod.name", "billing-7d9f-x2x1p" },
                { "k8s.namespace.name", "prod" },
                { "k8s.container.name", "api" },
                { "k8s.pod.uid", "4567" },
                { "k8s.pod.label.pod-template-hash", "7d9f" },
                { "k8s.node.name", "n1" },
                { "process.pid", "42" },
                { "container.image.name", "api:7" },
                { "team", "a" },
                { "pod", "lie" },
        };
        struct profile *p = profile_new();
        profile_id frame = interned_frame(p, interned_function(p, "nap\xff", "/app/main.py", 3), 7);

        profile_set_settings(p, &(struct profile_settings){ .mode = mode,
                                                            .period_ns = PERIOD,
                                                            .start_ns = 1767225600000000000,
                                                            .duration_ns = 10000000000 });
        for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
                profile_set_attribute(p, attributes[i][0], attributes[i][1]);
        cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_IDLE, 3, 3 * PERIOD + 1), 0);
        frame = interned_frame(p, interned_function(p, "work", "/app/main.py", 9), 11);
        cr_assert_eq(profile_add(p, interned_stack(p, &frame, 1), 0, PROFILE_RUNNING, 5, 2 * PERIOD), 0);
        return p;
}

static char *send_set(const struct profile_set *set, bool all_labels)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        cr_assert_eq(format_send_otlp(set, all_labels, out), 0);
        fclose(out);
        return text;
}

/* The text at @pointer; "" if there is none. */
static const char *text_at(struct json_object *json, const char *pointer)
{
        struct json_object *value;

        return json_pointer_get(json, pointer, &value) == 0 ? json_object_get_string(value) : "";
}

/* The value of a resource's or a scope's attribute; "" if there is none. */
static const char *said(struct json_object *json, const char *where, const char *key)
{
        for (size_t i = 0;; i++) {
                char at[256];

                snprintf(at, sizeof(at), "/resourceProfiles/0/%s/attributes/%zu/key", where, i);
                const char *found = text_at(json, at);
                if (!*found)
                        return "";
                snprintf(at, sizeof(at), "/resourceProfiles/0/%s/attributes/%zu/value/stringValue", where, i);
                if (strcmp(found, key) == 0)
                        return text_at(json, at);
        }
}

#define PROFILE "/resourceProfiles/0/scopeProfiles/0/profiles/0/"

static void check_type(struct json_object *json, const char *type, const char *unit, const char *period)
{
        static const char *const keys[] = { "sampleType/typeStrindex", "sampleType/unitStrindex",
                                            "periodType/typeStrindex", "periodType/unitStrindex" };
        const char *const wanted[] = { type, unit, period, "nanoseconds" };

        for (size_t i = 0; i < 4; i++) {
                char index[128], pointer[128];

                snprintf(index, sizeof(index), PROFILE "%s", keys[i]);
                snprintf(pointer, sizeof(pointer), "/dictionary/stringTable/%.20s", text_at(json, index));
                cr_expect_str_eq(text_at(json, pointer), wanted[i]);
        }
}

/* Time in nanoseconds, but for samples of CPUs, of which Pyroscope makes time itself. */
Test(format_series, types)
{
        static const struct {
                enum profile_mode mode;
                const char *type, *unit, *period, *value;
        } rows[] = { { PROFILE_MODE_CPU, "samples", "count", "cpu", "3" },
                     { PROFILE_MODE_WALL, "wall", "nanoseconds", "wall", "30000001" },
                     { PROFILE_MODE_GIL, "gil", "nanoseconds", "gil", "30000001" },
                     { PROFILE_MODE_BLAME, "gil_wait", "nanoseconds", "gil_wait", "30000001" } };

        for (size_t i = 0; i < 4; i++) {
                struct profile_set set = helper_set(make_pod(rows[i].mode));
                char *text = send_set(&set, false);
                struct json_object *json = json_tokener_parse(text);

                check_type(json, rows[i].type, rows[i].unit, rows[i].period);
                cr_expect_str_eq(text_at(json, PROFILE "samples/0/values/0"), rows[i].value);
                json_object_put(json);
                free(text);
                profile_set_deinit(&set);
        }
}

/* podflame's own labels are the scope's. What tells an instance is the resource's only if it is asked for. */
Test(format_series, labels)
{
        for (int all = 0; all < 2; all++) {
                struct profile_set set = helper_set(make_pod(PROFILE_MODE_WALL));
                char *text = send_set(&set, all);
                struct json_object *json = json_tokener_parse(text);

                cr_expect_str_eq(said(json, "scopeProfiles/0/scope", "namespace"), "prod");
                cr_expect_str_eq(said(json, "scopeProfiles/0/scope", "workload"), "Deployment/billing");
                cr_expect_str_eq(said(json, "scopeProfiles/0/scope", "pod"), "billing-7d9f-x2x1p");
                cr_expect_str_eq(said(json, "scopeProfiles/0/scope", "container"), "api");
                cr_expect_str_eq(said(json, "scopeProfiles/0/scope", "node"), "n1");
                cr_expect_str_eq(said(json, "resource", "service.name"), "billing");
                cr_expect_str_eq(said(json, "resource", "k8s.pod.name"), "billing-7d9f-x2x1p");
                cr_expect_str_eq(said(json, "resource", "team"), "a");
                cr_expect_str_eq(said(json, "resource", "pod"), "", "nobody else says podflame's labels");
                cr_expect_str_eq(said(json, "resource", "container.id"), all ? "0123" : "");
                cr_expect_str_eq(said(json, "resource", "container.name"), all ? "k8s_api_3" : "");
                cr_expect_str_eq(said(json, "resource", "k8s.pod.uid"), all ? "4567" : "");
                cr_expect_str_eq(said(json, "resource", "container.image.name"), all ? "api:7" : "");
                cr_expect_str_eq(said(json, "resource", "k8s.pod.label.pod-template-hash"), "", "no name of a label");
                cr_expect_eq(strstr(text, "\"thread.state\"") != NULL, all);
                json_object_put(json);
                free(text);
                profile_set_deinit(&set);
        }
}

/* A reader gets all of it, whatever it is an attribute of: counts, times, states, and the same id. */
Test(format_series, nothing_is_lost)
{
        for (enum profile_mode mode = 0; mode < PROFILE_MODES; mode++) {
                struct profile_set set = helper_set(make_pod(mode)), back;
                char *text = send_set(&set, mode % 2 == 0);
                uint8_t id[FORMAT_ID_SIZE], other[FORMAT_ID_SIZE];

                profile_set_attribute(set.items[0], "pod", NULL);
                cr_assert_eq(format_read_otlp(text, strlen(text), &back, NULL), 0);
                const struct profile *p = back.items[0];
                cr_expect_eq(profile_settings(p)->mode, mode);
                cr_expect_eq(profile_attributes(p), profile_attributes(set.items[0]));
                cr_expect_str_eq(profile_attribute(p, "container.id"), "0123");
                cr_expect_str_eq(profile_attribute(p, "process.pid"), "42");
                for (size_t i = 0; i < 2; i++) {
                        const struct profile_sample *a = profile_sample(p, i), *b = profile_sample(set.items[0], i);

                        cr_expect_eq(a->count, b->count);
                        cr_expect_eq(a->state, b->state);
                        if (mode != PROFILE_MODE_CPU)
                                cr_expect_eq(a->nanoseconds, b->nanoseconds);
                }
                format_profile_id(set.items[0], id);
                format_profile_id(p, other);
                cr_expect_eq(memcmp(id, other, sizeof(id)), 0, "mode %d", (int)mode);
                free(text);
                profile_set_deinit(&back);
                profile_set_deinit(&set);
        }
}

/* Any other content has another id. */
Test(format_series, ids)
{
        struct profile *plain = make_pod(PROFILE_MODE_CPU), *others[5];
        uint8_t ids[6][FORMAT_ID_SIZE];

        for (size_t i = 0; i < 5; i++)
                others[i] = make_pod(i == 0 ? PROFILE_MODE_WALL : PROFILE_MODE_CPU);
        profile_set_attribute(others[1], "host.name", "n2");
        profile_add(others[2], 1, 0, PROFILE_IDLE, 1, PERIOD);
        profile_id frame = interned_frame(others[3], interned_function(others[3], "more", "/app/main.py", 9), 11);
        profile_add(others[3], interned_stack(others[3], &frame, 1), 0, PROFILE_RUNNING, 1, PERIOD);
        struct profile_settings settings = *profile_settings(others[4]);
        settings.start_ns++;
        profile_set_settings(others[4], &settings);
        format_profile_id(plain, ids[5]);
        for (size_t i = 0; i < 5; i++)
                format_profile_id(others[i], ids[i]);
        for (size_t i = 0; i < 6; i++) {
                for (size_t k = 0; k < i; k++)
                        cr_expect_neq(memcmp(ids[i], ids[k], FORMAT_ID_SIZE), 0, "%zu, %zu", i, k);
        }
        profile_free(plain);
        for (size_t i = 0; i < 5; i++)
                profile_free(others[i]);
}

/* What a process says of itself must not make a backend refuse it, and with it what others have in the same request. */
Test(format_series, what_is_no_label_is_said_of_the_profile)
{
        static const struct {
                const char *key;
                bool label;
        } attributes[] = {
                { "service.name", true },
                { "k8s.pod.name", true },
                { "a.b", false },
                { "a_b", true },
                { "my-team", false },
                { "app/name", false },
                { "1st", false },
                { "service_name", false },
                { "__name__", false },
                { "_.x", false },
                { "_x", true },
                { "pyroscope.spy", false },
                { "", false },
                { "container.id", false },
                { "Team2", true },
                { "pod", false },
                { "a.bc", true },
                { "a", true },
                { "\xc3\xa9", false },
        };
        const size_t n = sizeof(attributes) / sizeof(attributes[0]);
        struct profile *p = profile_new();
        struct series_labels labels;
        bool of_resource[PROFILE_ATTRIBUTES_MAX];

        for (size_t i = 0; i < n; i++)
                cr_assert_eq(profile_set_attribute(p, attributes[i].key, "x"), 0);
        cr_assert_eq(series_labels_of(p, &labels), 0);
        series_choose_resource(p, &labels, false, of_resource);
        for (size_t i = 0; i < n; i++)
                cr_expect_eq(of_resource[i], attributes[i].label, "%s", attributes[i].key);
        series_labels_deinit(&labels);
        profile_free(p);
}

/* Pyroscope takes 30 labels. It adds five and the service's, and podflame has five. */
Test(format_series, too_many_labels)
{
        struct profile *p = profile_new();
        struct series_labels labels = { 0 };
        bool of_resource[PROFILE_ATTRIBUTES_MAX];
        size_t chosen = 0;
        char key[16];

        cr_assert_eq(profile_set_attribute(p, "service.name", "shop"), 0);
        for (int i = 1; i < PROFILE_ATTRIBUTES_MAX; i++) {
                snprintf(key, sizeof(key), "a%d", i);
                cr_assert_eq(profile_set_attribute(p, key, "x"), 0);
        }
        series_choose_resource(p, &labels, true, of_resource);
        for (size_t i = 0; i < PROFILE_ATTRIBUTES_MAX; i++)
                chosen += of_resource[i];
        cr_expect_eq(chosen, 19);
        cr_expect(of_resource[0] && !of_resource[109] && of_resource[110], "the last ones");
        profile_free(p);
}
