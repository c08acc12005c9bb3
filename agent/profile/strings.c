/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned strings, in blocks that never move. A block is freed only with the whole profile. A string longer than a
 * block gets a block of its own size.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (16u << 10)

struct block {
        struct block *next;
        size_t used;
        size_t size;
        char bytes[];
};

struct text {
        const char *bytes;
        size_t len;
};

static bool is_equal_text(const void *item, const void *key)
{
        const struct text *a = item;
        const struct text *b = key;

        return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static const struct table_kind text_kind = {
        .size = sizeof(struct text),
        .max = STRINGS_MAX,
        .equal = is_equal_text,
};

static struct block *block_with_room(struct strings *strings, size_t len)
{
        struct block *block = strings->blocks;

        if (block && block->size - block->used >= len)
                return block;

        size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;

        block = malloc(sizeof(*block) + size);
        if (!block)
                return NULL;
        *block = (struct block){ .next = strings->blocks, .size = size };
        strings->blocks = block;
        return block;
}

/* Adds a string. Its copy is kept only once the index has it, so that a failure wastes no room. */
static int add_text(struct strings *strings, struct text text, uint64_t hash, const char **ret)
{
        struct block *block;
        uint32_t id;

        if (text.len >= STRING_BYTES_MAX - strings->bytes)
                return -ENOSPC;
        block = block_with_room(strings, text.len + 1);
        if (!block)
                return -ENOMEM;

        char *copy = block->bytes + block->used;

        memcpy(copy, text.bytes, text.len + 1);
        text.bytes = copy;

        int r = profile_table_add(&strings->table, &text_kind, hash, &text, &id);

        if (r < 0)
                return r;
        block->used += text.len + 1;
        strings->bytes += text.len + 1;
        *ret = copy;
        return 0;
}

int profile_strings_intern(struct strings *strings, const char *text, uint64_t seed, const char **ret)
{
        struct text key = { .bytes = text, .len = strlen(text) };
        uint64_t hash = profile_table_hash(text, key.len, seed);
        uint32_t id = profile_table_find(&strings->table, &text_kind, hash, &key);

        if (id == 0)
                return add_text(strings, key, hash, ret);

        const struct text *known = profile_table_item(&strings->table, sizeof(*known), id);

        *ret = known->bytes;
        return 0;
}

const char *profile_strings_find(const struct strings *strings, const char *text, uint64_t seed)
{
        struct text key = { .bytes = text, .len = strlen(text) };
        uint64_t hash = profile_table_hash(text, key.len, seed);
        uint32_t id = profile_table_find(&strings->table, &text_kind, hash, &key);
        const struct text *known = id ? profile_table_item(&strings->table, sizeof(*known), id) : NULL;

        return known ? known->bytes : NULL;
}

void profile_strings_deinit(struct strings *strings)
{
        while (strings->blocks) {
                struct block *block = strings->blocks;

                strings->blocks = block->next;
                free(block);
        }
        profile_table_deinit(&strings->table);
        strings->bytes = 0;
}
