/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every single call of json-c can report that memory ran out. Here the first failure is remembered, all later calls do
 * nothing, and the caller checks once.
 */
#include "json_write.h"

#include "escape.h"

#include <inttypes.h>
#include <stdlib.h>

void json_writer_put(struct json_writer *m, struct json_object *object, const char *key, struct json_object *value)
{
        if (!object || !value || json_object_object_add(object, key, value) != 0) {
                json_object_put(value);
                m->failed = true;
        }
}

void json_writer_append(struct json_writer *m, struct json_object *array, struct json_object *value)
{
        if (!array || !value || json_object_array_add(array, value) != 0) {
                json_object_put(value);
                m->failed = true;
        }
}

struct json_object *json_writer_put_object(struct json_writer *m, struct json_object *object, const char *key)
{
        struct json_object *value = json_object_new_object();

        json_writer_put(m, object, key, value);
        return m->failed ? NULL : value;
}

struct json_object *json_writer_put_array(struct json_writer *m, struct json_object *object, const char *key)
{
        struct json_object *value = json_object_new_array();

        json_writer_put(m, object, key, value);
        return m->failed ? NULL : value;
}

struct json_object *json_writer_append_object(struct json_writer *m, struct json_object *array)
{
        struct json_object *value = json_object_new_object();

        json_writer_append(m, array, value);
        return m->failed ? NULL : value;
}

struct json_object *json_writer_u64(uint64_t value)
{
        char digits[sizeof("18446744073709551615")];

        snprintf(digits, sizeof(digits), "%" PRIu64, value);
        return json_object_new_string(digits);
}

void json_writer_put_u64(struct json_writer *m, struct json_object *object, const char *key, uint64_t value)
{
        if (value)
                json_writer_put(m, object, key, json_writer_u64(value));
}

void json_writer_put_u32(struct json_writer *m, struct json_object *object, const char *key, uint32_t value)
{
        if (value)
                json_writer_put(m, object, key, json_object_new_int64(value));
}

void json_writer_put_text(struct json_writer *m, struct json_object *object, const char *key, const char *text)
{
        char *clean = escape_clean(text);

        json_writer_put(m, object, key, clean ? json_object_new_string(clean) : NULL);
        free(clean);
}
