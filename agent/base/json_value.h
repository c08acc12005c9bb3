/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_VALUE_H
#define BASE_JSON_VALUE_H

/*
 * Untrusted JSON (RFC 8259), read into memory of a size that is known beforehand: 16 bytes for each value and each key,
 * and the text itself. json-c takes up to a thousand bytes for an object of one member, so that a body of 6 KB took
 * half a GB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_value_type {
        JSON_VALUE_NULL,
        JSON_VALUE_FALSE,
        JSON_VALUE_TRUE,
        JSON_VALUE_NUMBER,
        JSON_VALUE_STRING,
        JSON_VALUE_ARRAY,
        JSON_VALUE_OBJECT,
};

struct json_value {
        union {
                /*
                 * A number as it is written, which ends at the first character that is no part of it. A string decoded,
                 * with a NUL at its end.
                 */
                const char *text;
                const struct json_value *items; /* elements of an array; for an object a key, its value, and so on */
        };
        uint32_t n; /* number of values in an array, or of members in an object */
        enum json_value_type type : 8;
};

enum json_value_error {
        JSON_VALUE_E_WRONG = 1, /* not JSON, cut JSON, or not UTF-8 */
        JSON_VALUE_E_DEEP,      /* nested deeper than JSON_VALUE_DEPTH_MAX */
        JSON_VALUE_E_MANY,      /* too many values, or too many members in an object */
};

#define JSON_VALUE_DEPTH_MAX 32    /* the schema of OTLP's profiles needs 12 */
#define JSON_VALUE_MEMBERS_MAX 256 /* members of an object: looking one up compares it with all of them */

/*
 * Reads @text, which is overwritten and must outlive the values. It may have at most @max values and keys. A character
 * that cannot be written as UTF-8 (half of a surrogate pair) becomes U+FFFD. The caller frees @ret_all with free().
 * @ret is the outermost value. 0, a negative errno, or a positive JSON_VALUE_E error.
 */
int json_value_read(char *text, size_t len, size_t max, struct json_value **ret_all, const struct json_value **ret);

/* The last member named @key, which may be null. NULL if there is none, or @object is no object. */
const struct json_value *json_value_member(const struct json_value *object, const char *key);

#endif
