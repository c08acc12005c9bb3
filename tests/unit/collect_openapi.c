/* SPDX-License-Identifier: Apache-2.0 */
/* The API's description is held to the routes, to the parameters, and to real answers. */
#include "agent/collect/api.h"
#include "tests/unit/collect_client.h"
#include "tests/unit/support/interned.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>

SUITE(collect_openapi);

#define T0 1000000
#define API "/api/v1/"
#define SEEN_MAX 1024

/* The document, and which of its properties have been met in an answer. */
struct description {
        struct json_object *document;
        struct json_object *seen[SEEN_MAX];
        size_t seen_n;
};

/* Follows a $ref, if @object is one. */
static struct json_object *resolve(const struct description *d, struct json_object *object)
{
        struct json_object *ref;

        if (json_object_object_get_ex(object, "$ref", &ref))
                return at(d->document, json_object_get_string(ref) + strlen("#/"));
        return object;
}

static bool is_seen(const struct description *d, const struct json_object *property)
{
        for (size_t i = 0; i < d->seen_n; i++)
                if (d->seen[i] == property)
                        return true;
        return false;
}

static void note_seen(struct description *d, struct json_object *property)
{
        if (is_seen(d, property))
                return;
        cr_assert_lt(d->seen_n, SEEN_MAX);
        d->seen[d->seen_n++] = property;
}

static bool fits_type(const char *type, struct json_object *value)
{
        static const struct {
                const char *name;
                enum json_type types[2];
        } types[] = {
                { "object", { json_type_object, json_type_object } },
                { "array", { json_type_array, json_type_array } },
                { "string", { json_type_string, json_type_string } },
                { "null", { json_type_null, json_type_null } },
                { "integer", { json_type_int, json_type_int } },
                { "number", { json_type_int, json_type_double } },
                { "boolean", { json_type_boolean, json_type_boolean } },
        };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(types[i].name, type) == 0)
                        return json_object_is_type(value, types[i].types[0]) ||
                               json_object_is_type(value, types[i].types[1]);
        cr_assert_fail("there is no type %s", type);
        return false;
}

static void check_type(struct json_object *schema, struct json_object *value, const char *where)
{
        struct json_object *type = at(schema, "type"), *values = at(schema, "enum");
        bool fits = !type ||
                    (json_object_is_type(type, json_type_string) && fits_type(json_object_get_string(type), value));

        for (size_t i = 0; json_object_is_type(type, json_type_array) && i < json_object_array_length(type); i++)
                fits |= fits_type(json_object_get_string(json_object_array_get_idx(type, i)), value);
        cr_assert(fits, "%s has another type: %s", where, json_object_to_json_string(value));
        for (size_t i = 0; values && i < json_object_array_length(values); i++)
                if (json_object_equal(json_object_array_get_idx(values, i), value))
                        return;
        cr_assert_null(values, "%s is none of its values: %s", where, json_object_to_json_string(value));
}

static void check_value(struct description *d, struct json_object *schema, struct json_object *value,
                        const char *where);

static void check_members(struct description *d, struct json_object *schema, struct json_object *value,
                          const char *where)
{
        struct json_object *properties = at(schema, "properties"), *required = at(schema, "required");

        if (!properties)
                return;
        json_object_object_foreach(value, key, member) {
                struct json_object *property;
                char below[512];

                snprintf(below, sizeof(below), "%.400s.%s", where, key);
                cr_assert(json_object_object_get_ex(properties, key, &property), "%s is not documented", below);
                note_seen(d, property);
                check_value(d, property, member, below);
        }
        for (size_t i = 0; i < json_object_array_length(required); i++) {
                const char *needed = json_object_get_string(json_object_array_get_idx(required, i));

                cr_assert(json_object_object_get_ex(value, needed, NULL), "%s.%s is missing", where, needed);
        }
}

static void check_value(struct description *d, struct json_object *schema, struct json_object *value, const char *where)
{
        struct json_object *any = at(schema, "anyOf");

        if (any)
                schema = json_object_array_get_idx(any, value ? 0 : 1);
        schema = resolve(d, schema);
        check_type(schema, value, where);
        if (json_object_is_type(value, json_type_object))
                check_members(d, schema, value, where);
        for (size_t i = 0; json_object_is_type(value, json_type_array) && i < json_object_array_length(value); i++)
                check_value(d, at(schema, "items"), json_object_array_get_idx(value, i), where);
}

/* ---- what is stored --------------------------------------------------------- */

static void post_window(const struct collect *collect, const char *container, int64_t start_s, unsigned scale)
{
        struct profile *p = make_profile(container, PROFILE_MODE_CPU, start_s, scale);
        struct profile_native native = { .kind = PROFILE_C, .name = "deflate", .file = "/lib/libz.so", .address = 7 };
        struct profile_counters *counters = profile_counters(p);
        profile_id frames[2], module = interned_frame(p, interned_function(p, "<module>", "/app/main.py", 1), 40);

        cr_assert_eq(profile_intern_native(p, &native, &frames[0]), 0);
        frames[1] = module;
        profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_RUNNING, 5, 50000000);
        counters->accounted_ns = 1000000000;
        counters->sampled_ns = 100000000;
        counters->late_ns = 200000000;
        profile_set_attribute(p, "container.image.name", "shop:1");
        profile_set_attribute(p, "host.name", "host");
        profile_set_attribute(p, "process.runtime.version", "3.11.2");
        cr_assert_eq(post_profile(collect, p, NULL), 200);
}

static struct collect *collect_some(void)
{
        struct collect *collect = collect_start(NULL, 0, NULL);

        for (int i = 0; i < 10; i++) {
                post_window(collect, "aaaa", T0 + 100 * i, 100);
                post_window(collect, "bbbb", T0 + 100 * i, i < 5 ? 1 : 100);
        }
        /* On the new side handle() grows, by parse() alone. */
        for (int i = 0; i < 10; i++) {
                struct profile *p = make_profile("aaaa", PROFILE_MODE_CPU, T0 + 100 * i, 1);
                profile_id module = interned_frame(p, interned_function(p, "<module>", "/app/main.py", 1), 40);
                profile_id handle = interned_frame(p, interned_function(p, "handle", "/app/h.py", 1), 2);
                profile_id parse = interned_frame(p, interned_function(p, "parse", "/app/h.py", 9), 10);
                profile_id stack = interned_stack(p, (profile_id[]){ parse, handle, module }, 3);

                profile_add(p, stack, 0, PROFILE_RUNNING, i < 5 ? 100 : 3000, 1000);
                cr_assert_eq(post_profile(collect, p, NULL), 200);
        }
        return collect;
}

/* ---- the document ------------------------------------------------------------ */

static struct json_object *find_path(const struct description *d, const char *path)
{
        struct json_object *found = NULL;

        json_object_object_get_ex(at(d->document, "paths"), path, &found);
        return found;
}

Test(collect_openapi, has_the_routes)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        struct description d = { .document = get_json(collect, API "openapi.json") };
        int routes = 0;

        for (size_t i = 0; i < collect_routes_n; i++) {
                if (strncmp(collect_routes[i].path, API, strlen(API)) != 0)
                        continue;
                routes++;
                cr_expect_not_null(find_path(&d, collect_routes[i].path), "%s is not documented",
                                   collect_routes[i].path);
        }
        cr_assert_eq(json_object_object_length(at(d.document, "paths")), routes);
        json_object_put(d.document);
        collect_close(collect);
}

/* A question of @path that is right but for @more. */
static long status_of(const struct collect *collect, const char *path, const char *more)
{
        char url[1024];
        const char *needed = strstr(path, "groups") || strstr(path, "timeline") ? "by=pod&"
                             : strstr(path, "function")                         ? "name=a&"
                             : strstr(path, "export")                           ? "format=folded&"
                                                                                : "";
        struct reply reply;
        long status;

        /* The first of two parameters of one name counts. */
        snprintf(url, sizeof(url), "%s?%s&%s", path, more, needed);
        reply = request(collect, url, NULL, NULL, 0);
        status = reply.status;
        reply_free(&reply);
        return status;
}

/* A parameter that is no free text is refused if it makes no sense, so it is one that is read. */
Test(collect_openapi, has_the_parameters)
{
        struct collect *collect = collect_start(NULL, 0, NULL);
        struct description d = { .document = get_json(collect, API "openapi.json") };
        int checked = 0;

        json_object_object_foreach(at(d.document, "paths"), path, operations) {
                struct json_object *parameters = at(operations, "get/parameters");

                for (size_t i = 0; i < json_object_array_length(parameters); i++) {
                        struct json_object *p = resolve(&d, json_object_array_get_idx(parameters, i));
                        const char *name = text_at(p, "name");
                        bool text = strcmp(name, "name") == 0 || strcmp(name, "file") == 0 || strstr(name, "label.");
                        char bad[128];

                        snprintf(bad, sizeof(bad), "%s=%%21", name);
                        cr_expect_eq(status_of(collect, path, bad), text ? 200 : 400, "%s of %s", name, path);
                        checked++;
                }
                cr_expect_eq(status_of(collect, path, ""), 200, "%s", path);
        }
        cr_assert_gt(checked, 50);
        json_object_put(d.document);
        collect_close(collect);
}

static void expect_all_seen(const struct description *d, struct json_object *schema)
{
        if (json_object_is_type(schema, json_type_object)) {
                json_object_object_foreach(schema, key, value) {
                        if (strcmp(key, "properties") == 0) {
                                json_object_object_foreach(value, name, property)
                                        cr_expect(is_seen(d, property), "no answer has \"%s\": %s", name,
                                                  json_object_to_json_string(property));
                        }
                        expect_all_seen(d, value);
                }
        }
        for (size_t i = 0; json_object_is_type(schema, json_type_array) && i < json_object_array_length(schema); i++)
                expect_all_seen(d, json_object_array_get_idx(schema, i));
}

Test(collect_openapi, has_the_answers)
{
        static const char *const questions[] = {
                "series?from=1000000&to=1001000",
                "groups?from=1000000&to=1001000&by=pod",
                "timeline?from=1000000&to=1001000&by=container&limit=1",
                "tree?from=1000000&to=1001000",
                "tree?from=1000000&to=1001000&series=1",
                "tree?from=1&to=2",
                "top?from=1000000&to=1001000",
                "function?from=1000000&to=1001000&name=work",
                "compare?from=1000500&to=1001000&base.from=1000000&base.to=1000500",
                "compare?from=1&to=2",
        };
        struct collect *collect = collect_some();
        struct description d = { .document = get_json(collect, API "openapi.json") };

        for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
                char path[256];
                snprintf(path, sizeof(path), API "%s", questions[i]);
                struct json_object *answer = get_json(collect, path);
                path[strcspn(path, "?")] = '\0';
                struct json_object *content = at(find_path(&d, path), "get/responses/200/content"), *json;
                cr_assert(json_object_object_get_ex(content, "application/json", &json));
                check_value(&d, at(json, "schema"), answer, questions[i]);
                json_object_put(answer);
        }
        struct reply reply = request(collect, API "tree?from=x", NULL, NULL, 0);
        struct json_object *error = json_tokener_parse(reply.body);
        check_value(&d, at(d.document, "components/schemas/Error"), error, "error");
        json_object_put(error);
        reply_free(&reply);
        expect_all_seen(&d, at(d.document, "components/schemas"));
        expect_all_seen(&d, at(d.document, "paths"));
        json_object_put(d.document);
        collect_close(collect);
}
