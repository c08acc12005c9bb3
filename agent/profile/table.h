/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_TABLE_H
#define PROFILE_TABLE_H

/*
 * Table: items of one size in a growing array. A hash index finds each by its key. Ids count from 1. Pointers to items
 * are valid until the next profile_table_add().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot;

/* A table. {0} is empty and owns nothing. */
struct table {
        void *items;
        struct table_slot *slots; /* there are twice as many slots as items fit */
        uint32_t n;
        uint32_t capacity; /* the number of items that fit: 0 or a power of two */
};

struct table_kind {
        size_t size;  /* bytes of an item */
        uint32_t max; /* the most items: at most 2^30 */
        bool (*equal)(const void *item, const void *key);
};

void profile_table_deinit(struct table *table);

uint64_t profile_table_hash(const void *key, size_t len, uint64_t seed);

/* Finds an item's id by its key. 0 if there is none. */
uint32_t profile_table_find(const struct table *table, const struct table_kind *kind, uint64_t hash, const void *key);

/* Appends a copy of @item. Its key must not be there yet. -ENOMEM, or -ENOSPC if @kind->max is reached. */
int profile_table_add(struct table *table, const struct table_kind *kind, uint64_t hash, const void *item,
                      uint32_t *ret_id);

/* The item with an id from 1 to @table->n. */
static inline void *profile_table_item(const struct table *table, size_t size, uint32_t id)
{
        return (char *)table->items + (size_t)(id - 1) * size;
}

#endif
