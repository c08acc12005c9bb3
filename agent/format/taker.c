/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-c converts whatever it is asked for to the type it is asked for: "x" is 0,
 * 2^70 is 2^64 - 1. Here a value has the right type and range, or it is refused.
 * No number that is read here may be negative.
 */
#include "taker.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

int taker_refuse(struct taker *t, const char *sentence)
{
        t->error = sentence;
        return -EINVAL;
}

struct json_object *taker_member(struct json_object *object, const char *key)
{
        struct json_object *value = NULL;

        if (json_object_is_type(object, json_type_object))
                json_object_object_get_ex(object, key, &value);
        return value;
}

static int take(struct taker *t, struct json_object *object, const char *key, enum json_type type, const char *sentence,
                struct json_object **ret)
{
        struct json_object *value = taker_member(object, key);

        if (value && !json_object_is_type(value, type))
                return taker_refuse(t, sentence);
        *ret = value;
        return 0;
}

int taker_object(struct taker *t, struct json_object *object, const char *key, struct json_object **ret)
{
        return take(t, object, key, json_type_object, "a field that should be an object is none", ret);
}

int taker_array(struct taker *t, struct json_object *object, const char *key, struct json_object **ret)
{
        return take(t, object, key, json_type_array, "a field that should be an array is none", ret);
}

int taker_text(struct taker *t, struct json_object *object, const char *key, const char **ret)
{
        struct json_object *value;
        int r = take(t, object, key, json_type_string, "a field that should be a string is none", &value);

        if (r)
                return r;
        *ret = value ? json_object_get_string(value) : "";
        return 0;
}

static int parse_digits(struct taker *t, const char *digits, uint64_t *ret)
{
        char *end;

        if (!isdigit((unsigned char)*digits))
                return taker_refuse(t, "a number in a string is none");
        errno = 0;
        unsigned long long value = strtoull(digits, &end, 10);
        if (errno || *end)
                return taker_refuse(t, "a number in a string is none, or too large");
        *ret = value;
        return 0;
}

static int to_u64(struct taker *t, struct json_object *value, uint64_t *ret)
{
        switch (json_object_get_type(value)) {
        case json_type_null:
                *ret = 0;
                return 0;
        case json_type_string:
                return parse_digits(t, json_object_get_string(value), ret);
        case json_type_int:
                /* What does not fit reads as the largest number: see the header of json_object_get_uint64(). */
                if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) == UINT64_MAX)
                        return taker_refuse(t, "a number is negative or too large");
                *ret = json_object_get_uint64(value);
                return 0;
        default:
                return taker_refuse(t, "a field that should be a whole number is none");
        }
}

static int below(struct taker *t, uint64_t value, size_t limit, size_t *ret)
{
        if (value >= limit)
                return taker_refuse(t, "an index leads out of its table");
        *ret = (size_t)value;
        return 0;
}

int taker_u64(struct taker *t, struct json_object *object, const char *key, uint64_t *ret)
{
        return to_u64(t, taker_member(object, key), ret);
}

/* Index 0 is allowed to an empty table: it means none. */
int taker_index(struct taker *t, struct json_object *object, const char *key, size_t limit, size_t *ret)
{
        uint64_t value;
        int r = taker_u64(t, object, key, &value);

        return r ? r : below(t, value, limit ? limit : 1, ret);
}

size_t taker_length(const struct json_object *array)
{
        return array ? json_object_array_length(array) : 0;
}

int taker_u64_at(struct taker *t, struct json_object *array, size_t i, uint64_t *ret)
{
        return to_u64(t, json_object_array_get_idx(array, i), ret);
}

int taker_index_at(struct taker *t, struct json_object *array, size_t i, size_t limit, size_t *ret)
{
        uint64_t value;
        int r = taker_u64_at(t, array, i, &value);

        return r ? r : below(t, value, limit ? limit : 1, ret);
}

int taker_object_at(struct taker *t, struct json_object *array, size_t i, struct json_object **ret)
{
        struct json_object *value = json_object_array_get_idx(array, i);

        if (value && !json_object_is_type(value, json_type_object))
                return taker_refuse(t, "an element that should be an object is none");
        *ret = value;
        return 0;
}
