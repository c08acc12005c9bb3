/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one hash table of the profile: open addressing with linear probing over
 * slots of 8 bytes, which hold half of the hash beside the id, so that a probe
 * rarely has to look at an item. Never more than half full; nothing is ever
 * removed. Empty tables own no memory: most profiles of a node are of idle
 * processes and stay empty.
 */
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ROWS_FIRST 32

struct rows_slot {
        uint32_t hash;
        uint32_t id; /* 0: free */
};

void profile_rows_deinit(struct rows *rows)
{
        free(rows->items);
        free(rows->slots);
        *rows = (struct rows){0};
}

uint64_t profile_rows_hash(const void *key, size_t len, uint64_t seed)
{
        return XXH3_64bits_withSeed(key, len, seed);
}

uint32_t profile_rows_find(const struct rows *rows, const struct rows_kind *kind, uint64_t hash, const void *key)
{
        if (rows->n == 0)
                return 0;

        uint32_t mask = rows->capacity * 2 - 1;

        for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
                const struct rows_slot *slot = &rows->slots[i];

                if (slot->id == 0)
                        return 0;
                if (slot->hash == (uint32_t)hash && kind->equal(profile_rows_item(rows, kind->size, slot->id), key))
                        return slot->id;
        }
}

static void place(struct rows_slot *slots, uint32_t mask, struct rows_slot slot)
{
        uint32_t i = slot.hash & mask;

        while (slots[i].id != 0)
                i = (i + 1) & mask;
        slots[i] = slot;
}

static int grow(struct rows *rows, size_t size)
{
        uint32_t capacity = rows->capacity ? rows->capacity * 2 : ROWS_FIRST;
        struct rows_slot *slots = calloc((size_t)capacity * 2, sizeof(*slots));
        void *items = realloc(rows->items, capacity * size);

        if (items)
                rows->items = items;
        if (!items || !slots) {
                free(slots);
                return -ENOMEM;
        }
        for (size_t i = 0; i < (size_t)rows->capacity * 2; i++)
                if (rows->slots[i].id != 0)
                        place(slots, capacity * 2 - 1, rows->slots[i]);
        free(rows->slots);
        rows->slots = slots;
        rows->capacity = capacity;
        return 0;
}

int profile_rows_add(struct rows *rows, const struct rows_kind *kind, uint64_t hash, const void *item,
                     uint32_t *ret_id)
{
        if (rows->n >= kind->max)
                return -ENOSPC;
        if (rows->n == rows->capacity) {
                int r = grow(rows, kind->size);

                if (r < 0)
                        return r;
        }

        uint32_t id = ++rows->n;

        memcpy(profile_rows_item(rows, kind->size, id), item, kind->size);
        place(rows->slots, rows->capacity * 2 - 1, (struct rows_slot){.hash = (uint32_t)hash, .id = id});
        *ret_id = id;
        return 0;
}
