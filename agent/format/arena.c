/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for protobuf-c, which wants arrays of pointers to messages: a dozen arrays that live until the packing is
 * done. Each allocation is a block in a list.
 */
#include "arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct arena_block {
        struct arena_block *next;
        max_align_t data[];
};

void *arena_alloc(struct arena *arena, size_t n, size_t size)
{
        struct arena_block *block = NULL;

        if (size == 0 || n < (SIZE_MAX - sizeof(*block)) / size)
                block = calloc(1, sizeof(*block) + n * size);
        if (!block) {
                arena->error = -ENOMEM;
                return NULL;
        }
        block->next = arena->blocks;
        arena->blocks = block;
        return block->data;
}

void arena_deinit(struct arena *arena)
{
        while (arena->blocks) {
                struct arena_block *next = arena->blocks->next;

                free(arena->blocks);
                arena->blocks = next;
        }
}
