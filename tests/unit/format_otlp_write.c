/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <json-c/json.h>
#include <stdlib.h>

SUITE(otlp_write);

#define ONE_PROFILE                                                                                                  \
        "{\"resourceProfiles\":[{\"resource\":{\"attributes\":["                                                     \
        "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"billing-api\"}},"                                    \
        "{\"key\":\"container.name\",\"value\":{\"stringValue\":\"web\"}},"                                          \
        "{\"key\":\"process.pid\",\"value\":{\"intValue\":\"42\"}},"                                                 \
        "{\"key\":\"process.executable.name\",\"value\":{\"stringValue\":\"python3\"}}]},"                           \
        "\"scopeProfiles\":[{\"scope\":{\"name\":\"podflame\",\"version\":\"" PODFLAME_VERSION "\"},\"profiles\":[{" \
        "\"sampleType\":{\"typeStrindex\":1,\"unitStrindex\":2},"                                                    \
        "\"periodType\":{\"typeStrindex\":3,\"unitStrindex\":4},\"period\":\"10000000\","                            \
        "\"timeUnixNano\":\"1767225600000000000\",\"durationNano\":\"10000000000\","                                 \
        "\"attributeIndices\":[1,2,3,4,5,6,7,8,9],"                                                                  \
        "\"samples\":[{\"stackIndex\":1,\"values\":[\"7\"]},{\"stackIndex\":2,\"values\":[\"3\"]}]}]}]}],"           \
        "\"dictionary\":{\"mappingTable\":[{}],\"linkTable\":[{}],\"attributeTable\":[{},"                           \
        "{\"keyStrindex\":5,\"value\":{\"stringValue\":\"cpu\"}},"                                                   \
        "{\"keyStrindex\":6,\"value\":{\"stringValue\":\"perf\"}},"                                                  \
        "{\"keyStrindex\":7,\"value\":{\"intValue\":\"12\"}},"                                                       \
        "{\"keyStrindex\":8,\"value\":{\"intValue\":\"10\"}},"                                                       \
        "{\"keyStrindex\":9,\"value\":{\"intValue\":\"1\"}},"                                                        \
        "{\"keyStrindex\":10,\"value\":{\"intValue\":\"2\"}},"                                                       \
        "{\"keyStrindex\":11,\"value\":{\"intValue\":\"0\"}},"                                                       \
        "{\"keyStrindex\":12,\"value\":{\"intValue\":\"0\"}},"                                                       \
        "{\"keyStrindex\":13,\"value\":{\"intValue\":\"0\"}},"                                                       \
        "{\"keyStrindex\":19,\"value\":{\"stringValue\":\"cpython\"}}],"                                             \
        "\"functionTable\":[{},"                                                                                     \
        "{\"nameStrindex\":14,\"filenameStrindex\":15,\"startLine\":\"183\"},"                                       \
        "{\"nameStrindex\":16,\"filenameStrindex\":17,\"startLine\":\"10\"},"                                        \
        "{\"nameStrindex\":18,\"filenameStrindex\":17,\"startLine\":\"1\"}],"                                        \
        "\"locationTable\":[{},"                                                                                     \
        "{\"lines\":[{\"functionIndex\":1,\"line\":\"231\"}],\"attributeIndices\":[10]},"                            \
        "{\"lines\":[{\"functionIndex\":2,\"line\":\"12\"}],\"attributeIndices\":[10]},"                             \
        "{\"lines\":[{\"functionIndex\":3,\"line\":\"40\"}],\"attributeIndices\":[10]}],"                            \
        "\"stackTable\":[{},{\"locationIndices\":[1,2,3]},{\"locationIndices\":[2,3]}],"                             \
        "\"stringTable\":[\"\",\"samples\",\"count\",\"cpu\",\"nanoseconds\",\"podflame.mode\",\"podflame.engine\"," \
        "\"podflame.ticks\",\"podflame.ok\",\"podflame.retried\",\"podflame.torn\",\"podflame.late\","               \
        "\"podflame.gone\",\"podflame.failed\",\"dumps\",\"/usr/lib/python3.11/json/__init__.py\",\"handle\","       \
        "\"/app/main.py\",\"<module>\",\"profile.frame.type\"]}}"

Test(otlp_write, one_profile)
{
        helper_expect("otlp", helper_set(helper_service()), ONE_PROFILE);
}

static struct json_object *at(struct json_object *json, const char *pointer)
{
        struct json_object *value;

        cr_assert_eq(json_pointer_get(json, pointer, &value), 0, "%s", pointer);
        return value;
}

static struct json_object *written(struct profile_set set)
{
        char *text = helper_format("otlp", &set);
        struct json_object *json = json_tokener_parse(text);

        cr_assert_neq(json, NULL);
        free(text);
        profile_set_deinit(&set);
        return json;
}

static void expect_at(struct json_object *json, const char *pointer, const char *expected)
{
        cr_expect_str_eq(json_object_to_json_string_ext(at(json, pointer), JSON_C_TO_STRING_PLAIN), expected, "%s: %s",
                         pointer, json_object_to_json_string_ext(at(json, pointer), JSON_C_TO_STRING_PLAIN));
}

/* One resource a profile, one dictionary for all: equal functions, frames and stacks are one. */
Test(otlp_write, several_profiles_share_tables)
{
        struct profile_set set = helper_set(helper_service());

        profile_set_add(&set, helper_service());
        struct json_object *json = written(set);
        cr_expect_eq(json_object_array_length(at(json, "/resourceProfiles")), 2);
        cr_expect_eq(json_object_array_length(at(json, "/dictionary/functionTable")), 4);
        cr_expect_eq(json_object_array_length(at(json, "/dictionary/stackTable")), 3);
        expect_at(json, "/resourceProfiles/1/scopeProfiles/0/profiles/0/samples",
                  "[{\"stackIndex\":1,\"values\":[\"7\"]},{\"stackIndex\":2,\"values\":[\"3\"]}]");
        json_object_put(json);
}

Test(otlp_write, thread_and_state_are_attributes)
{
        static const struct helper_frame frame = { "f", "a.py", 1, 2 };
        struct profile *p = profile_new();

        helper_add(p, &frame, 1, interned_thread(p, 7, "worker"), PROFILE_IDLE, 5);
        helper_add(p, &frame, 1, 0, PROFILE_RUNNING, 6);
        struct json_object *json = written(helper_set(p));
        expect_at(json, "/resourceProfiles/0/scopeProfiles/0/profiles/0/samples",
                  "[{\"stackIndex\":1,\"attributeIndices\":[9,10,11],\"values\":[\"5\"]},"
                  "{\"stackIndex\":1,\"values\":[\"6\"]}]");
        expect_at(json, "/dictionary/attributeTable/9/value", "{\"intValue\":\"7\"}");
        expect_at(json, "/dictionary/attributeTable/10/value", "{\"stringValue\":\"worker\"}");
        expect_at(json, "/dictionary/attributeTable/11/value", "{\"stringValue\":\"idle\"}");
        json_object_put(json);
}

Test(otlp_write, service_name_is_never_missing)
{
        struct profile *p = helper_frame("f", "a.py", 1);

        profile_set_attribute(p, "process.executable.name", "python3");
        struct json_object *json = written(helper_set(p));
        expect_at(json, "/resourceProfiles/0/resource/attributes/1",
                  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"unknown_service:python3\"}}");
        json_object_put(json);
}

/* The dictionary's order of tables may be anything; entry 0 of each is the zero value. */
Test(otlp_write, zero_entries)
{
        static const char *const tables[] = {
                "/dictionary/mappingTable/0", "/dictionary/linkTable/0",     "/dictionary/attributeTable/0",
                "/dictionary/stackTable/0",   "/dictionary/functionTable/0", "/dictionary/locationTable/0",
        };
        struct json_object *json = written((struct profile_set){ 0 });

        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
                expect_at(json, tables[i], "{}");
        expect_at(json, "/dictionary/stringTable", "[\"\"]");
        expect_at(json, "/resourceProfiles", "[]");
        json_object_put(json);
}

Test(otlp_write, numbers_of_a_run_are_numbers)
{
        struct profile *p = helper_frame("f", "a.py", 1);

        profile_set_attribute(p, "podflame.run", "4");
        profile_set_attribute(p, "podflame.rate", "999");
        struct json_object *json = written(helper_set(p));
        expect_at(json, "/resourceProfiles/0/resource/attributes/0/value", "{\"intValue\":\"4\"}");
        expect_at(json, "/resourceProfiles/0/resource/attributes/1/value", "{\"intValue\":\"999\"}");
        json_object_put(json);
}

Test(otlp_write, a_pid_that_is_none_stays_text)
{
        struct profile *p = helper_service();

        profile_set_attribute(p, "process.pid", "42x");
        struct json_object *json = written(helper_set(p));
        expect_at(json, "/resourceProfiles/0/resource/attributes/2/value", "{\"stringValue\":\"42x\"}");
        json_object_put(json);
}
