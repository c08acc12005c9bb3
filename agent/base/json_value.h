/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_VALUE_H
#define BASE_JSON_VALUE_H

/*
 * JSON (RFC 8259) from strangers, read into memory that is known beforehand: 16
 * bytes for each value and each key, and the text itself. json-c takes up to a
 * thousand for an object of one member, so that a body of 6 KB took half a GB.
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
                /* A number as it stands there, ended by what is no part of one; a string decoded, and ended by a NUL. */
                const char *text;
                const struct json_value *items; /* of an object: a key, its value, and so on */
        };
        uint32_t n; /* values in an array, members of an object */
        enum json_value_type type : 8;
};

enum json_value_error {
        JSON_VALUE_E_WRONG = 1, /* not JSON, or not all of it, or no UTF-8 */
        JSON_VALUE_E_DEEP,      /* nested more than JSON_VALUE_DEPTH_MAX times */
        JSON_VALUE_E_MANY,      /* too many values, or members of an object */
};

#define JSON_VALUE_DEPTH_MAX 32    /* the schema of OTLP's profiles needs 12 */
#define JSON_VALUE_MEMBERS_MAX 256 /* of an object: each of its members is looked for among all */

/*
 * Reads @text, which is written over and must outlive the values. At most @max values and keys. A character that may
 * be written as no UTF-8 is (half of a surrogate pair) becomes U+FFFD. @ret_all is to be freed, with free(); the
 * outermost value is @ret. Negative errno, or value_error.
 */
int json_value_read(char *text, size_t len, size_t max, struct json_value **ret_all, const struct json_value **ret);

/* The last member of that name, which may be null; NULL: there is none, or @object is none. */
const struct json_value *json_value_member(const struct json_value *object, const char *key);

#endif
