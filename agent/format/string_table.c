/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string table: an array for the order, and uthash for the lookup. Lookups use the clean text, so that names with the
 * same clean text share an entry.
 */
#include "string_table.h"

#include "agent/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_nonfatal_oom(entry) ((entry)->index = 0)
#include <uthash.h>

#define FIRST_CAPACITY 64

struct text_entry {
        UT_hash_handle hh;
        uint32_t index; /* 0: adding it to the hash table failed */
        char text[];
};

static int reserve_text(struct string_table *texts)
{
        if (texts->n < texts->capacity)
                return 0;
        if (texts->n >= UINT32_MAX / 2)
                return -ENOMEM;
        size_t capacity = texts->capacity ? texts->capacity * 2 : FIRST_CAPACITY;
        char **items = reallocarray(texts->items, capacity, sizeof(*items));
        if (!items)
                return -ENOMEM;
        texts->items = items;
        texts->capacity = capacity;
        return 0;
}

static uint32_t append_text(struct string_table *texts, const char *clean, size_t len)
{
        if (reserve_text(texts))
                return 0;
        struct text_entry *entry = malloc(sizeof(*entry) + len + 1);
        if (!entry)
                return 0;
        memcpy(entry->text, clean, len + 1);
        entry->index = (uint32_t)texts->n;
        HASH_ADD_KEYPTR(hh, texts->index, entry->text, len, entry);
        if (entry->index != texts->n) {
                free(entry);
                return 0;
        }
        texts->items[texts->n++] = entry->text;
        return entry->index;
}

uint32_t string_table_index(struct string_table *texts, const char *text)
{
        if (!text || !*text)
                return 0;
        char *clean = escape_clean(text);
        struct text_entry *entry = NULL;
        uint32_t index = 0;

        if (clean) {
                size_t len = strlen(clean);

                HASH_FIND(hh, texts->index, clean, len, entry);
                index = entry ? entry->index : append_text(texts, clean, len);
        }
        if (index == 0)
                texts->error = -ENOMEM;
        free(clean);
        return index;
}

static char empty[] = "";

int string_table_init(struct string_table *texts)
{
        *texts = (struct string_table){ 0 };
        if (reserve_text(texts))
                return -ENOMEM;
        texts->items[texts->n++] = empty;
        return 0;
}

void string_table_deinit(struct string_table *texts)
{
        struct text_entry *entry, *next;

        HASH_ITER(hh, texts->index, entry, next) {
                HASH_DEL(texts->index, entry);
                free(entry);
        }
        free(texts->items);
        *texts = (struct string_table){ 0 };
}
