/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_TABLE_H
#define PROFILE_TABLE_H

/*
 * Table: items of one size in a growing array, each found by its key through a
 * hash index. Ids count from 1. Pointers to items are valid until the next
 * profile_table_add().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot;

/* {0} is empty and owns nothing. */
struct table {
        void *items;
        struct table_slot *slots; /* twice as many as there is room for items */
        uint32_t n;
        uint32_t capacity; /* items there is room for: 0 or a power of two */
};

struct table_kind {
        size_t size;  /* of an item */
        uint32_t max; /* number of items: at most 2^30 */
        bool (*equal)(const void *item, const void *key);
};

void profile_table_deinit(struct table *table);

uint64_t profile_table_hash(const void *key, size_t len, uint64_t seed);

/* 0: none. */
uint32_t profile_table_find(const struct table *table, const struct table_kind *kind, uint64_t hash, const void *key);

/* Appends a copy of @item, whose key must not be there yet. -ENOMEM, or -ENOSPC: @kind->max reached. */
int profile_table_add(struct table *table, const struct table_kind *kind, uint64_t hash, const void *item,
                      uint32_t *ret_id);

/* The item of an id from 1 to @table->n. */
static inline void *profile_table_item(const struct table *table, size_t size, uint32_t id)
{
        return (char *)table->items + (size_t)(id - 1) * size;
}

#endif
