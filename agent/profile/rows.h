/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_ROWS_H
#define PROFILE_ROWS_H

/*
 * Rows: items of one size in a growing array, each found by its key through a
 * hash index. Ids count from 1. Pointers to items are valid until the next
 * profile_rows_add().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rows_slot;

/* {0} is empty and owns nothing. */
struct rows {
        void *items;
        struct rows_slot *slots; /* twice as many as there is room for items */
        uint32_t n;
        uint32_t capacity; /* items there is room for: 0 or a power of two */
};

struct rows_kind {
        size_t size;  /* of an item */
        uint32_t max; /* number of items: at most 2^30 */
        bool (*equal)(const void *item, const void *key);
};

void profile_rows_deinit(struct rows *rows);

uint64_t profile_rows_hash(const void *key, size_t len, uint64_t seed);

/* 0: none. */
uint32_t profile_rows_find(const struct rows *rows, const struct rows_kind *kind, uint64_t hash, const void *key);

/* Appends a copy of @item, whose key must not be there yet. -ENOMEM, or -ENOSPC: @kind->max reached. */
int profile_rows_add(struct rows *rows, const struct rows_kind *kind, uint64_t hash, const void *item,
                     uint32_t *ret_id);

/* The item of an id from 1 to @rows->n. */
static inline void *profile_rows_item(const struct rows *rows, size_t size, uint32_t id)
{
        return (char *)rows->items + (size_t)(id - 1) * size;
}

#endif
