/* SPDX-License-Identifier: Apache-2.0 */
/* The few JSON functions that the runtimes' files need, by json-c. */
#include "agent/find/internal.h"

#include <limits.h>

#include <json-c/json.h>

/*
 * Docker nests three levels, an OCI bundle seven, the kubelet's pods fifteen (in managedFields). json-c recurses, so
 * this bounds the stack as well.
 */
#define MAX_DEPTH 32

struct json_object *find_json_parse(const char *text, size_t len)
{
        struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
        struct json_object *json = NULL;

        if (tokener && len <= INT_MAX)
                json = json_tokener_parse_ex(tokener, text, (int)len);
        if (tokener)
                json_tokener_free(tokener);
        return json;
}

void find_json_free(struct json_object *json)
{
        json_object_put(json);
}

struct json_object *find_json_get(struct json_object *json, const char *key)
{
        struct json_object *value = NULL;

        if (json_object_is_type(json, json_type_object))
                json_object_object_get_ex(json, key, &value);
        return value;
}

struct json_object *find_json_at(struct json_object *json, size_t i)
{
        if (!json_object_is_type(json, json_type_array) || i >= json_object_array_length(json))
                return NULL;
        return json_object_array_get_idx(json, i);
}

const char *find_json_text(struct json_object *json, size_t *ret_len)
{
        if (!json_object_is_type(json, json_type_string))
                return NULL;
        *ret_len = (size_t)json_object_get_string_len(json);
        return json_object_get_string(json);
}

bool find_json_true(struct json_object *json)
{
        return json_object_is_type(json, json_type_boolean) && json_object_get_boolean(json);
}

long find_json_whole(struct json_object *json)
{
        return json_object_is_type(json, json_type_int) ? (long)json_object_get_int64(json) : 0;
}

void find_json_each_text(struct json_object *json, void (*each)(void *ctx, const char *key, const char *text),
                         void *ctx)
{
        if (!json_object_is_type(json, json_type_object))
                return;
        json_object_object_foreach(json, key, value) {
                if (json_object_is_type(value, json_type_string))
                        each(ctx, key, json_object_get_string(value));
        }
}

void find_names_set_json(char *field, size_t size, struct json_object *json)
{
        size_t len;
        const char *text = find_json_text(json, &len);

        if (text)
                find_names_set(field, size, text, len);
}
