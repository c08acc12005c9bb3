/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

SUITE(html);

#define OPENING "<script type=\"application/json\" id=\"profile\">"

/* The JSON that the page carries. */
static struct json_object *profile_of(const char *page)
{
        const char *start = strstr(page, OPENING);

        cr_assert_neq(start, NULL);
        start += strlen(OPENING);
        const char *end = strstr(start, "</script>");
        cr_assert_neq(end, NULL);
        char *json = strndup(start, (size_t)(end - start));
        struct json_object *profile = json_tokener_parse(json);
        cr_assert_neq(profile, NULL, "%s", json);
        free(json);
        return profile;
}

static struct json_object *member(struct json_object *object, const char *key)
{
        struct json_object *value;

        cr_assert(json_object_object_get_ex(object, key, &value), "%s", key);
        return value;
}

Test(html, carries_meta_and_tree)
{
        struct profile_set set = helper_set(helper_service());
        char *page = helper_format("html", &set);
        struct json_object *profile = profile_of(page), *meta = member(profile, "meta");

        cr_expect_str_eq(json_object_to_json_string_ext(meta, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                         "{\"version\":\"" PODFLAME_VERSION "\",\"mode\":\"cpu\",\"engine\":\"perf\","
                         "\"period_ns\":10000000,\"start_ms\":1767225600000,\"duration_ms\":10000,\"samples\":10,"
                         "\"counters\":{\"ticks\":12,\"ok\":10,\"retried\":1,\"torn\":2,\"late\":0,"
                         "\"gone\":0,\"failed\":0},"
                         "\"resources\":[{\"service.name\":\"billing-api\",\"container.name\":\"web\","
                         "\"process.pid\":\"42\",\"process.executable.name\":\"python3\"}]}");
        cr_expect_eq(json_object_get_int64(member(member(profile, "tree"), "value")), 10);
        json_object_put(profile);
        free(page);
        profile_set_deinit(&set);
}

Test(html, is_one_file_without_requests)
{
        struct profile_set set = helper_set(helper_service());
        char *page = helper_format("html", &set);

        cr_expect_eq(strncmp(page, "<!doctype html>", 15), 0);
        cr_expect_neq(strstr(page, "</html>"), NULL);
        cr_expect_eq(strstr(page, "@PODFLAME_PROFILE@"), NULL);
        cr_expect_eq(strstr(page, " src="), NULL);
        cr_expect_eq(strstr(page, "<link"), NULL);
        cr_expect_eq(strstr(page, "url("), NULL);
        cr_expect_neq(strstr(page, "default-src 'none'"), NULL);
        free(page);
        profile_set_deinit(&set);
}

Test(html, attributes_cannot_leave_the_script)
{
        struct profile *p = helper_service();
        struct profile_set set = helper_set(p);

        profile_set_attribute(p, "container.name", "</script><img src=x onerror=alert(1)>");
        char *page = helper_format("html", &set);
        cr_expect_eq(strstr(page, "<img"), NULL);
        json_object_put(profile_of(page));
        free(page);
        profile_set_deinit(&set);
}
