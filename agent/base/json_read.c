/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reading. A value that has not the right type and range is refused, and so is every negative number. */
#include "json_read.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int json_reader_refuse(struct json_reader *t, const char *sentence)
{
        t->error = sentence;
        return -EINVAL;
}

const struct json_value *json_reader_member(const struct json_value *object, const char *key)
{
        const struct json_value *value = json_value_member(object, key);

        return value && value->type != JSON_VALUE_NULL ? value : NULL;
}

static int take_member(struct json_reader *t, const struct json_value *object, const char *key,
                       enum json_value_type type, const char *sentence, const struct json_value **ret)
{
        const struct json_value *value = json_reader_member(object, key);

        if (value && value->type != type)
                return json_reader_refuse(t, sentence);
        *ret = value;
        return 0;
}

int json_reader_object(struct json_reader *t, const struct json_value *object, const char *key,
                       const struct json_value **ret)
{
        return take_member(t, object, key, JSON_VALUE_OBJECT, "a field that should be an object is none", ret);
}

int json_reader_array(struct json_reader *t, const struct json_value *object, const char *key,
                      const struct json_value **ret)
{
        return take_member(t, object, key, JSON_VALUE_ARRAY, "a field that should be an array is none", ret);
}

int json_reader_text(struct json_reader *t, const struct json_value *object, const char *key, const char **ret)
{
        const struct json_value *value;
        int r = take_member(t, object, key, JSON_VALUE_STRING, "a field that should be a string is none", &value);

        if (r)
                return r;
        *ret = value ? value->text : "";
        return 0;
}

/* Parses digits. They end at the end of the string, or at a character that is no part of a number. */
static int parse_digits(struct json_reader *t, const char *digits, const char *sentence, uint64_t *ret)
{
        char *end;

        if (!isdigit((unsigned char)*digits))
                return json_reader_refuse(t, sentence);
        errno = 0;
        unsigned long long value = strtoull(digits, &end, 10);
        if (errno || *end == '.' || *end == 'e' || *end == 'E')
                return json_reader_refuse(t, sentence);
        *ret = value;
        return 0;
}

static int read_u64(struct json_reader *t, const struct json_value *value, uint64_t *ret)
{
        static const char in_string[] = "a number in a string is none, or too large";

        if (!value || value->type == JSON_VALUE_NULL) {
                *ret = 0;
                return 0;
        }
        if (value->type == JSON_VALUE_STRING)
                return value->text[strspn(value->text, "0123456789")] ? json_reader_refuse(t, in_string)
                                                                      : parse_digits(t, value->text, in_string, ret);
        if (value->type != JSON_VALUE_NUMBER)
                return json_reader_refuse(t, "a field that should be a whole number is none");
        return parse_digits(t, value->text, "a number is negative, no whole one, or too large", ret);
}

static int check_index(struct json_reader *t, uint64_t value, size_t limit, size_t *ret)
{
        if (value >= limit)
                return json_reader_refuse(t, "an index leads out of its table");
        *ret = (size_t)value;
        return 0;
}

int json_reader_u64(struct json_reader *t, const struct json_value *object, const char *key, uint64_t *ret)
{
        return read_u64(t, json_reader_member(object, key), ret);
}

/* Index 0 is allowed for an empty table: it means that there is none. */
int json_reader_index(struct json_reader *t, const struct json_value *object, const char *key, size_t limit,
                      size_t *ret)
{
        uint64_t value;
        int r = json_reader_u64(t, object, key, &value);

        return r ? r : check_index(t, value, limit ? limit : 1, ret);
}

size_t json_reader_length(const struct json_value *array)
{
        return array ? array->n : 0;
}

static const struct json_value *get_item(const struct json_value *array, size_t i)
{
        return array && i < array->n ? &array->items[i] : NULL;
}

int json_reader_u64_at(struct json_reader *t, const struct json_value *array, size_t i, uint64_t *ret)
{
        return read_u64(t, get_item(array, i), ret);
}

int json_reader_index_at(struct json_reader *t, const struct json_value *array, size_t i, size_t limit, size_t *ret)
{
        uint64_t value;
        int r = json_reader_u64_at(t, array, i, &value);

        return r ? r : check_index(t, value, limit ? limit : 1, ret);
}

int json_reader_object_at(struct json_reader *t, const struct json_value *array, size_t i,
                          const struct json_value **ret)
{
        const struct json_value *value = get_item(array, i);

        if (value && value->type != JSON_VALUE_OBJECT && value->type != JSON_VALUE_NULL)
                return json_reader_refuse(t, "an element that should be an object is none");
        *ret = value && value->type == JSON_VALUE_OBJECT ? value : NULL;
        return 0;
}
