/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile's one kind of hash table: open addressing with linear probing over slots of 8 bytes. A slot holds half of
 * the hash beside the id, so that a probe rarely has to look at an item. The table is never more than half full, and
 * nothing is ever removed. Empty tables own no memory: most profiles of a node are of idle processes and stay empty.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define TABLE_FIRST 32

struct table_slot {
        uint32_t hash;
        uint32_t id; /* 0: free */
};

void profile_table_deinit(struct table *table)
{
        free(table->items);
        free(table->slots);
        *table = (struct table){ 0 };
}

uint64_t profile_table_hash(const void *key, size_t len, uint64_t seed)
{
        return XXH3_64bits_withSeed(key, len, seed);
}

uint32_t profile_table_find(const struct table *table, const struct table_kind *kind, uint64_t hash, const void *key)
{
        if (table->n == 0)
                return 0;

        uint32_t mask = table->capacity * 2 - 1;

        for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
                const struct table_slot *slot = &table->slots[i];

                if (slot->id == 0)
                        return 0;
                if (slot->hash == (uint32_t)hash && kind->equal(profile_table_item(table, kind->size, slot->id), key))
                        return slot->id;
        }
}

static void place_slot(struct table_slot *slots, uint32_t mask, struct table_slot slot)
{
        uint32_t i = slot.hash & mask;

        while (slots[i].id != 0)
                i = (i + 1) & mask;
        slots[i] = slot;
}

static int grow_rows(struct table *table, size_t size)
{
        uint32_t capacity = table->capacity ? table->capacity * 2 : TABLE_FIRST;
        struct table_slot *slots = calloc((size_t)capacity * 2, sizeof(*slots));
        void *items = realloc(table->items, capacity * size);

        if (items)
                table->items = items;
        if (!items || !slots) {
                free(slots);
                return -ENOMEM;
        }
        for (size_t i = 0; i < (size_t)table->capacity * 2; i++)
                if (table->slots[i].id != 0)
                        place_slot(slots, capacity * 2 - 1, table->slots[i]);
        free(table->slots);
        table->slots = slots;
        table->capacity = capacity;
        return 0;
}

int profile_table_add(struct table *table, const struct table_kind *kind, uint64_t hash, const void *item,
                      uint32_t *ret_id)
{
        if (table->n >= kind->max)
                return -ENOSPC;
        if (table->n == table->capacity) {
                int r = grow_rows(table, kind->size);

                if (r < 0)
                        return r;
        }

        uint32_t id = ++table->n;

        memcpy(profile_table_item(table, kind->size, id), item, kind->size);
        place_slot(table->slots, table->capacity * 2 - 1, (struct table_slot){ .hash = (uint32_t)hash, .id = id });
        *ret_id = id;
        return 0;
}
