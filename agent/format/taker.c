/* SPDX-License-Identifier: Apache-2.0 */
/* A value has the right type and range, or it is refused. No number that is read here may be negative. */
#include "taker.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int taker_refuse(struct taker *t, const char *sentence)
{
        t->error = sentence;
        return -EINVAL;
}

const struct value *taker_member(const struct value *object, const char *key)
{
        const struct value *value = value_member(object, key);

        return value && value->type != VALUE_NULL ? value : NULL;
}

static int take(struct taker *t, const struct value *object, const char *key, enum value_type type, const char *sentence,
                const struct value **ret)
{
        const struct value *value = taker_member(object, key);

        if (value && value->type != type)
                return taker_refuse(t, sentence);
        *ret = value;
        return 0;
}

int taker_object(struct taker *t, const struct value *object, const char *key, const struct value **ret)
{
        return take(t, object, key, VALUE_OBJECT, "a field that should be an object is none", ret);
}

int taker_array(struct taker *t, const struct value *object, const char *key, const struct value **ret)
{
        return take(t, object, key, VALUE_ARRAY, "a field that should be an array is none", ret);
}

int taker_text(struct taker *t, const struct value *object, const char *key, const char **ret)
{
        const struct value *value;
        int r = take(t, object, key, VALUE_STRING, "a field that should be a string is none", &value);

        if (r)
                return r;
        *ret = value ? value->text : "";
        return 0;
}

/* Behind the digits is the end of the string, or what is no part of a number. */
static int parse_digits(struct taker *t, const char *digits, const char *sentence, uint64_t *ret)
{
        char *end;

        if (!isdigit((unsigned char)*digits))
                return taker_refuse(t, sentence);
        errno = 0;
        unsigned long long value = strtoull(digits, &end, 10);
        if (errno || *end == '.' || *end == 'e' || *end == 'E')
                return taker_refuse(t, sentence);
        *ret = value;
        return 0;
}

static int to_u64(struct taker *t, const struct value *value, uint64_t *ret)
{
        static const char in_string[] = "a number in a string is none, or too large";

        if (!value || value->type == VALUE_NULL) {
                *ret = 0;
                return 0;
        }
        if (value->type == VALUE_STRING)
                return value->text[strspn(value->text, "0123456789")] ? taker_refuse(t, in_string)
                                                                      : parse_digits(t, value->text, in_string, ret);
        if (value->type != VALUE_NUMBER)
                return taker_refuse(t, "a field that should be a whole number is none");
        return parse_digits(t, value->text, "a number is negative, no whole one, or too large", ret);
}

static int below(struct taker *t, uint64_t value, size_t limit, size_t *ret)
{
        if (value >= limit)
                return taker_refuse(t, "an index leads out of its table");
        *ret = (size_t)value;
        return 0;
}

int taker_u64(struct taker *t, const struct value *object, const char *key, uint64_t *ret)
{
        return to_u64(t, taker_member(object, key), ret);
}

/* Index 0 is allowed to an empty table: it means none. */
int taker_index(struct taker *t, const struct value *object, const char *key, size_t limit, size_t *ret)
{
        uint64_t value;
        int r = taker_u64(t, object, key, &value);

        return r ? r : below(t, value, limit ? limit : 1, ret);
}

size_t taker_length(const struct value *array)
{
        return array ? array->n : 0;
}

static const struct value *at(const struct value *array, size_t i)
{
        return array && i < array->n ? &array->items[i] : NULL;
}

int taker_u64_at(struct taker *t, const struct value *array, size_t i, uint64_t *ret)
{
        return to_u64(t, at(array, i), ret);
}

int taker_index_at(struct taker *t, const struct value *array, size_t i, size_t limit, size_t *ret)
{
        uint64_t value;
        int r = taker_u64_at(t, array, i, &value);

        return r ? r : below(t, value, limit ? limit : 1, ret);
}

int taker_object_at(struct taker *t, const struct value *array, size_t i, const struct value **ret)
{
        const struct value *value = at(array, i);

        if (value && value->type != VALUE_OBJECT && value->type != VALUE_NULL)
                return taker_refuse(t, "an element that should be an object is none");
        *ret = value && value->type == VALUE_OBJECT ? value : NULL;
        return 0;
}
