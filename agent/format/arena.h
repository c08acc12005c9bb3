/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_ARENA_H
#define FORMAT_ARENA_H

#include <stddef.h>

/* Memory that is freed all at once. {0} is valid and empty. */
struct arena {
        struct arena_block *blocks;
        int error; /* -ENOMEM from the first failure on */
};

/* Allocates zeroed memory, aligned for anything, that lives until arena_deinit(). NULL if memory ran out. */
void *arena_alloc(struct arena *arena, size_t n, size_t size);
void arena_deinit(struct arena *arena);

#endif
