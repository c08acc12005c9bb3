/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/format_helper.h"
#include "tests/unit/support/interned.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

SUITE(heat);

#define OPENING "<script type=\"application/json\" id=\"profile\">"
#define MARK "x = 'the source'"

/* Two lines of /app/a.py, of which the text has one. Its names want out of the script. */
static struct profile_set scene(void)
{
        struct profile *p = profile_new();
        profile_id evil = interned_function(p, "</script><img>", "/app/a.py", 1);
        profile_id frames[] = { interned_frame(p, evil, 1), interned_frame(p, evil, 9) };
        struct profile_set set = helper_set(p);
        static const char source[] = MARK " # </script><img>\n";

        cr_assert_eq(profile_add(p, interned_stack(p, frames, 2), 0, PROFILE_RUNNING, 3, 3), 0);
        cr_assert_eq(profile_add(p, interned_stack(p, &frames[1], 1), 0, PROFILE_RUNNING, 1, 1), 0);
        set.texts = calloc(1, sizeof *set.texts);
        set.texts->origin = "It is a test.";
        cr_assert_eq(profile_texts_add(set.texts, "/app/a.py", strdup(source), strlen(source), NULL), 0);
        return set;
}

static struct json_object *data_of(const char *page)
{
        const char *start = strstr(page, OPENING);

        cr_assert_not_null(start);
        char *json = strndup(start + strlen(OPENING), (size_t)(strstr(start, "</script>") - start) - strlen(OPENING));
        struct json_object *data = json_tokener_parse(json);
        cr_assert_not_null(data, "%s", json);
        free(json);
        return data;
}

static const char *member(struct json_object *data, const char *key)
{
        struct json_object *value;

        cr_assert(json_object_object_get_ex(data, key, &value), "%s", key);
        return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

Test(heat, has_lines_counts_and_source, .timeout = 60)
{
        struct profile_set set = scene();
        char *page = helper_format("heat", &set);
        struct json_object *data = data_of(page);

        cr_expect_str_eq(member(data, "samples"), "4");
        cr_expect_str_eq(member(data, "origin"), "\"It is a test.\"");
        /* Wilson's intervals of 1, 3 and 4 of 4. */
        cr_expect_str_eq(member(data, "files"),
                         "[{\"file\":\"/app/a.py\",\"count\":[4,4,0.5101092,1.0000000,0.5101092,1.0000000],"
                         "\"functions\":[[\"</script><img>\",1,[4,4,0.5101092,1.0000000,0.5101092,1.0000000]]],"
                         "\"lines\":[[1,[3,3,0.3006418,0.9544127,0.3006418,0.9544127],\"</script><img>\",[]],"
                         "[9,[1,4,0.0455873,0.6993582,0.5101092,1.0000000],\"</script><img>\",[]]],"
                         "\"source\":[\"" MARK " # </script><img>\"]}]");
        cr_expect_null(strstr(page, "<img"));
        json_object_put(data);
        free(page);
        profile_set_deinit(&set);
}

Test(heat, without_source_says_why, .timeout = 60)
{
        struct profile_set set = scene();

        profile_texts_free(set.texts);
        set.texts = calloc(1, sizeof *set.texts);
        set.texts->origin = "";
        cr_assert_eq(profile_texts_add(set.texts, "/app/a.py", NULL, 0, "it is gone"), 0);

        char *page = helper_format("heat", &set);

        cr_expect_not_null(strstr(page, "\"why\":\"it is gone\""));
        cr_expect_null(strstr(page, "\"source\":["));
        free(page);
        profile_set_deinit(&set);
}

Test(heat, is_one_file_without_requests, .timeout = 60)
{
        struct profile_set set = scene();
        char *page = helper_format("heat", &set);

        cr_expect_eq(strncmp(page, "<!doctype html>", 15), 0);
        cr_expect_null(strstr(page, "@PODFLAME_PROFILE@"));
        cr_expect_null(strstr(page, " src="));
        cr_expect_null(strstr(page, "<link"));
        cr_expect_null(strstr(page, "url("));
        cr_expect_not_null(strstr(page, "default-src 'none'"));
        free(page);
        profile_set_deinit(&set);
}

/* What is sent is OTLP or pprof; no file that people pass on has source by surprise. */
Test(heat, alone_has_source, .timeout = 60)
{
        for (size_t i = 0; i < format_table_n; i++) {
                struct profile_set set = scene();
                char *text = NULL;
                size_t len;
                FILE *memory = open_memstream(&text, &len);

                cr_assert_eq(format_table[i]->write(&set, memory), 0);
                fclose(memory);
                cr_expect_eq(memmem(text, len, MARK, strlen(MARK)) != NULL, format_table[i]->source, "%s",
                             format_table[i]->name);
                free(text);
                profile_set_deinit(&set);
        }
}
