/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYMBOL_CACHE_H
#define SYMBOL_CACHE_H

/*
 * What is known of files. The key is the file that was read, never a build-id: that is a claim, and a forger could give
 * names to all processes that have mapped the genuine file. Files that say the same, as in containers of one image,
 * share a table.
 *
 * At the bound, the file that was used least recently is forgotten.
 */

#include "source.h"

#include <uthash.h>

/* A table that files share. */
struct cache_table {
        struct elfsym_functions *functions;
        size_t bytes;
        unsigned files; /* which use it */
        struct cache_table *next, *prev;
};

struct cache_file {
        struct source_id id;
        char build_id[ELFSYM_BUILD_ID_SIZE];
        enum elfsym_source source;
        struct cache_table *table; /* NULL: no function is known */
        struct cache_file *next, *prev;
        UT_hash_handle hh;
};

struct cache {
        struct cache_file *files;  /* by their ids */
        struct cache_file *oldest; /* the same, those that were used least recently first */
        struct cache_table *tables;
        size_t bytes, bytes_max;
        void (*forgets)(void *ctx, const struct cache_file *file); /* is called before a file is freed */
        void *ctx;
};

void cache_deinit(struct cache *cache);

/* Notes that a file is used. */
void cache_touch(struct cache *cache, struct cache_file *file);

/* NULL: it was not read yet. */
struct cache_file *cache_find(struct cache *cache, const struct source_id *id);

/*
 * Takes what was read of a file. table->functions is consumed in any case. The file lives until it is forgotten, which
 * a later cache_add() may do. -ENOMEM.
 */
int cache_add(struct cache *cache, const struct source_id *id, struct source_table *table, struct cache_file **ret);

#endif
