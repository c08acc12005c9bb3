/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * json-c, with one place for its failures. Values are consumed whatever happens. A NULL value or container means that
 * making it failed. A container that is returned belongs to the one that holds it. On failure NULL is returned, and
 * every function accepts that NULL.
 */
struct json_writer {
        bool failed; /* memory has run out at some time */
};

void json_writer_put(struct json_writer *m, struct json_object *object, const char *key, struct json_object *value);
void json_writer_append(struct json_writer *m, struct json_object *array, struct json_object *value);

struct json_object *json_writer_put_object(struct json_writer *m, struct json_object *object, const char *key);
struct json_object *json_writer_put_array(struct json_writer *m, struct json_object *object, const char *key);
struct json_object *json_writer_append_object(struct json_writer *m, struct json_object *array);

/* Puts a number as proto3's JSON does: 0 is left out, 64 bits are a string, 32 bits are a number. */
void json_writer_put_u64(struct json_writer *m, struct json_object *object, const char *key, uint64_t value);
void json_writer_put_u32(struct json_writer *m, struct json_object *object, const char *key, uint32_t value);
/* Puts @text as clean text (see escape.h). */
void json_writer_put_text(struct json_writer *m, struct json_object *object, const char *key, const char *text);

/* Makes a 64-bit number, written as a string. */
struct json_object *json_writer_u64(uint64_t value);

#endif
