/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/base.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(value);

#define MAX 1000

static int take(const char *text, size_t len, struct json_value **ret_all, const struct json_value **ret)
{
        return json_value_read(guard_copy(text, len), len, MAX, ret_all, ret);
}

/* ---- what it says: written again, as json-c would write it ------------------- */

static void put(FILE *out, const struct json_value *value)
{
        static const char *const words[] = { "null", "false", "true" };

        if (value->type <= JSON_VALUE_TRUE) {
                fputs(words[value->type], out);
        } else if (value->type == JSON_VALUE_NUMBER) {
                fprintf(out, "%.*s", (int)strspn(value->text, "-+.0123456789eE"), value->text);
        } else if (value->type == JSON_VALUE_STRING) {
                struct json_object *string = json_object_new_string(value->text);

                fputs(json_object_to_json_string_ext(string, JSON_C_TO_STRING_PLAIN), out);
                json_object_put(string);
        } else {
                bool object = value->type == JSON_VALUE_OBJECT;

                fputc(object ? '{' : '[', out);
                for (size_t i = 0; i < value->n * (object ? 2u : 1u); i++) {
                        if (i > 0)
                                fputc(object && i % 2 ? ':' : ',', out);
                        put(out, &value->items[i]);
                }
                fputc(object ? '}' : ']', out);
        }
}

/* NULL: refused. */
static char *again(const char *text, size_t len)
{
        const struct json_value *value;
        struct json_value *all;
        char *written = NULL;
        size_t written_len;

        if (take(text, len, &all, &value))
                return NULL;
        FILE *out = open_memstream(&written, &written_len);
        put(out, value);
        fclose(out);
        free(all);
        return written;
}

static char *again_by_json_c(const char *text, size_t len)
{
        struct json_tokener *tokener = json_tokener_new();
        char *written = NULL;

        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        struct json_object *object = json_tokener_parse_ex(tokener, text, (int)len);
        if (object)
                written = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        json_object_put(object);
        json_tokener_free(tokener);
        return written;
}

Test(value, json)
{
        static const char *const rows[][2] = {
                { "{}", "{}" },
                { " [ ] ", "[]" },
                { "[1,-2,0,3.5,1e9,2E-1]", "[1,-2,0,3.5,1e9,2E-1]" },
                { "[null,true,false]", "[null,true,false]" },
                { "{\"a\":{\"b\":[{},[],[[1]]]},\"c\":\"d\"}", "{\"a\":{\"b\":[{},[],[[1]]]},\"c\":\"d\"}" },
                { "\"x\"", "\"x\"" },
                { "[\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"]" },
                { "[\"\\ud83d\\ude00\"]", "[\"\U0001f600\"]" },
                { "[\"\\ud83d\",\"\\ude00\",\"\\ud83d\\u0041\"]", "[\"\ufffd\",\"\ufffd\",\"\ufffdA\"]" },
                { "\t[\r\n1 , 2 ]\n", "[1,2]" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *written = again(rows[i][0], strlen(rows[i][0]));

                cr_assert_not_null(written, "%s", rows[i][0]);
                cr_expect_str_eq(written, rows[i][1], "%s", rows[i][0]);
                free(written);
        }
}

Test(value, no_json)
{
        static const char *const rows[] = {
                "",
                " ",
                "{",
                "[",
                "]",
                "}",
                "[1",
                "[1,",
                "[1,]",
                "[,1]",
                "[1 2]",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{1:2}",
                "{a:1}",
                "{'a':1}",
                "[1}",
                "{\"a\":1]",
                "[1]x",
                "{}{}",
                "nul",
                "nulls",
                "[tru]",
                "01",
                "-",
                "+1",
                "1.",
                ".5",
                "1e",
                "0x10",
                "NaN",
                "Infinity",
                "\"",
                "\"a",
                "\"\\",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\\u12g4\"",
                "\"\n\"",
                "\"\xff\"",
                "\"\xc0\xaf\"",
                "\"\xed\xa0\x80\"",
                "\"\xf4\x90\x80\x80\"",
                "\"\xe2\x82\"",
                "[1]/**/",
                ":",
                ",",
                "[\"a\":1]",
                "{\"a\",1}",
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char *written = again(rows[i], strlen(rows[i]));

                cr_expect_null(written, "%s", rows[i]);
                free(written);
        }
}

Test(value, bounds)
{
        const struct json_value *value;
        struct json_value *all;
        char text[8 * MAX] = "";

        memset(text, '[', JSON_VALUE_DEPTH_MAX);
        memset(text + JSON_VALUE_DEPTH_MAX, ']', JSON_VALUE_DEPTH_MAX);
        cr_assert_eq(take(text, 2 * JSON_VALUE_DEPTH_MAX, &all, &value), 0);
        free(all);
        memset(text, '[', JSON_VALUE_DEPTH_MAX + 1);
        cr_expect_eq(take(text, JSON_VALUE_DEPTH_MAX + 1, &all, &value), JSON_VALUE_E_DEEP);
        memset(text, ',', sizeof(text));
        cr_expect_eq(take(text, MAX, &all, &value), JSON_VALUE_E_MANY);
        char *at = stpcpy(text, "{");
        for (int i = 0; i <= JSON_VALUE_MEMBERS_MAX; i++)
                at += sprintf(at, "%s\"%d\":1", i ? "," : "", i);
        strcpy(at, "}");
        cr_expect_eq(take(text, strlen(text), &all, &value), JSON_VALUE_E_MANY);
}

Test(value, the_last_member_counts)
{
        static const char text[] = "{\"a\":1,\"b\":2,\"a\":3}";
        const struct json_value *value;
        struct json_value *all;

        cr_assert_eq(take(text, strlen(text), &all, &value), 0);
        cr_expect_eq(json_value_member(value, "a")->text[0], '3');
        cr_expect_null(json_value_member(value, "c"));
        cr_expect_null(json_value_member(json_value_member(value, "a"), "a"));
        cr_expect_null(json_value_member(NULL, "a"));
        free(all);
}

/* However it is spoiled, what it says is what json-c makes of it, if that takes it as well. */
Test(value, as_json_c_has_it)
{
        static const char text[] =
                "{\"a\":[1,22,{\"b\\u0041\":\"\\ud83d\\ude00\"},[]],\"c\":{\"d\":null,\"e\":[true,false]}}";
        char spoiled[sizeof(text)];
        unsigned both = 0;

        srand(7);
        for (int i = 0; i < 30000; i++) {
                memcpy(spoiled, text, sizeof(text));
                for (int j = rand() % 3; j >= 0; j--)
                        spoiled[(size_t)rand() % (sizeof(text) - 1)] = "{}[],:\"\\0 1un"[rand() % 13];
                char *ours = again(spoiled, strlen(text)),
                     *theirs = ours ? again_by_json_c(spoiled, strlen(text)) : NULL;

                if (ours && theirs && !strstr(spoiled, "u0000")) {
                        both++;
                        cr_assert_str_eq(ours, theirs, "%s", spoiled);
                }
                free(ours);
                free(theirs);
        }
        cr_expect_gt(both, 200u);
}
