/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TAKER_H
#define FORMAT_TAKER_H

#include "value.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Typed access to JSON from strangers. A member that is absent or null has its
 * type's zero value; one of another type is an error. 64-bit numbers may be
 * numbers or strings, as proto3's JSON allows. Errors: -EINVAL, with a sentence.
 */
struct taker {
        const char *error; /* static */
};

int taker_refuse(struct taker *t, const char *sentence);

/* NULL: absent or null. */
const struct value *taker_member(const struct value *object, const char *key);

int taker_object(struct taker *t, const struct value *object, const char *key, const struct value **ret);
int taker_array(struct taker *t, const struct value *object, const char *key, const struct value **ret);
int taker_u64(struct taker *t, const struct value *object, const char *key, uint64_t *ret);
/* A number below @limit. */
int taker_index(struct taker *t, const struct value *object, const char *key, size_t limit, size_t *ret);
int taker_text(struct taker *t, const struct value *object, const char *key, const char **ret);

/* The length and elements of what taker_array() gave; NULL is empty. */
size_t taker_length(const struct value *array);
int taker_u64_at(struct taker *t, const struct value *array, size_t i, uint64_t *ret);
int taker_index_at(struct taker *t, const struct value *array, size_t i, size_t limit, size_t *ret);
int taker_object_at(struct taker *t, const struct value *array, size_t i, const struct value **ret);

#endif
