/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * json-c, with one place for its failures. Values are consumed whatever happens;
 * a NULL value or container means that making it failed. Containers that are
 * returned belong to the one they are in; NULL on failure, which all accept.
 */
struct json_writer {
        bool failed; /* out of memory, at any time */
};

void json_writer_put(struct json_writer *m, struct json_object *object, const char *key, struct json_object *value);
void json_writer_append(struct json_writer *m, struct json_object *array, struct json_object *value);

struct json_object *json_writer_put_object(struct json_writer *m, struct json_object *object, const char *key);
struct json_object *json_writer_put_array(struct json_writer *m, struct json_object *object, const char *key);
struct json_object *json_writer_append_object(struct json_writer *m, struct json_object *array);

/* As proto3's JSON has it: 0 is left out; 64 bits are a string, 32 a number. */
void json_writer_put_u64(struct json_writer *m, struct json_object *object, const char *key, uint64_t value);
void json_writer_put_u32(struct json_writer *m, struct json_object *object, const char *key, uint32_t value);
/* Clean text (see escape.h). */
void json_writer_put_text(struct json_writer *m, struct json_object *object, const char *key, const char *text);

/* The 64-bit number as a string. */
struct json_object *json_writer_u64(uint64_t value);

#endif
