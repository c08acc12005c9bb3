/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "json_value.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Typed access to untrusted JSON. A member that is absent or null has its type's zero value. A member of another type
 * is an error. 64-bit numbers may be numbers or strings, as proto3's JSON allows. Errors: -EINVAL, with a sentence in
 * @error.
 */
struct json_reader {
        const char *error; /* a static sentence */
};

int json_reader_refuse(struct json_reader *t, const char *sentence);

/* The member @key of @object. NULL if it is absent or null. */
const struct json_value *json_reader_member(const struct json_value *object, const char *key);

int json_reader_object(struct json_reader *t, const struct json_value *object, const char *key,
                       const struct json_value **ret);
int json_reader_array(struct json_reader *t, const struct json_value *object, const char *key,
                      const struct json_value **ret);
int json_reader_u64(struct json_reader *t, const struct json_value *object, const char *key, uint64_t *ret);
/* Reads a number below @limit. */
int json_reader_index(struct json_reader *t, const struct json_value *object, const char *key, size_t limit,
                      size_t *ret);
int json_reader_text(struct json_reader *t, const struct json_value *object, const char *key, const char **ret);

/* The length and the elements of an array that json_reader_array() gave. NULL is an empty array. */
size_t json_reader_length(const struct json_value *array);
int json_reader_u64_at(struct json_reader *t, const struct json_value *array, size_t i, uint64_t *ret);
int json_reader_index_at(struct json_reader *t, const struct json_value *array, size_t i, size_t limit, size_t *ret);
int json_reader_object_at(struct json_reader *t, const struct json_value *array, size_t i,
                          const struct json_value **ret);

#endif
