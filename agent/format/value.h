/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_VALUE_H
#define FORMAT_VALUE_H

/*
 * JSON (RFC 8259) from strangers, read into memory that is known beforehand: 16
 * bytes for each value and each key, and the text itself. json-c takes up to a
 * thousand for an object of one member, so that a body of 6 KB took half a GB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
        VALUE_NULL,
        VALUE_FALSE,
        VALUE_TRUE,
        VALUE_NUMBER,
        VALUE_STRING,
        VALUE_ARRAY,
        VALUE_OBJECT,
};

struct value {
        union {
                /* A number as it stands there, ended by what is no part of one; a string decoded, and ended by a NUL. */
                const char *text;
                const struct value *items; /* of an object: a key, its value, and so on */
        };
        uint32_t n; /* values in an array, members of an object */
        enum value_type type : 8;
};

enum value_error {
        VALUE_E_WRONG = 1, /* not JSON, or not all of it, or no UTF-8 */
        VALUE_E_DEEP,      /* nested more than VALUE_DEPTH_MAX times */
        VALUE_E_MANY,      /* too many values, or members of an object */
};

#define VALUE_DEPTH_MAX   32  /* the schema of OTLP's profiles needs 12 */
#define VALUE_MEMBERS_MAX 256 /* of an object: each of its members is looked for among all */

/*
 * Reads @text, which is written over and must outlive the values. At most @max values and keys. A character that may
 * be written as no UTF-8 is (half of a surrogate pair) becomes U+FFFD. @ret_all is to be freed, with free(); the
 * outermost value is @ret. Negative errno, or value_error.
 */
int value_read(char *text, size_t len, size_t max, struct value **ret_all, const struct value **ret);

/* The last member of that name, which may be null; NULL: there is none, or @object is none. */
const struct value *value_member(const struct value *object, const char *key);

#endif
